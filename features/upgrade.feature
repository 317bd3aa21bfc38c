Feature: A stack is brought to another release while flows run
  As an ML engineer whose stack is in use
  I want the same command to bring it to the release that I have just installed

  Scenario: New code is put in place of old code, and no request fails
    Given a stack of a release of its own
    And a flow called Kept with a run
    When its code is changed
    And I run "invoke up" while a client asks all the time
    Then it succeeds
    And it prints "the programs that run are of another release"
    And no answer failed
    And the programs service, ui and sync were replaced
    And the run of Kept is still there
    And a snapshot from before the upgrade is kept
    When I run "invoke up"
    Then it succeeds
    And it does not print "another release"

  Scenario: A release in another folder takes over from one that is removed then
    Given a stack of a release of its own
    And a flow called Kept with a run
    When the next release is in another folder
    And I run "invoke up" while a client asks all the time
    Then it succeeds
    And no answer failed
    When the folder of the release before is removed, and service and proxy are killed
    Then both come back
    And the run of Kept is still there

  Scenario: A release that does not come up leaves the one before serving
    Given a stack of a release of its own
    And a flow called Kept with a run
    When its code is broken
    And I run "invoke up" while a client asks all the time
    Then the exit status is 1
    And it prints "the new service does not come up; what ran before still runs"
    And no answer failed
    And no program was restarted
    And the run of Kept is still there

  Scenario: A release that changed the tables is not gone back from by chance
    Given a stack of a release of its own
    When its tables are changed by a newer release
    And I run "invoke up" while a client asks all the time
    Then the exit status is 0
    When I go back to the release before
    And I run "invoke up" while a client asks all the time
    Then the exit status is 1
    And it prints "it was used by a newer release"
    And it prints "restore-snapshot --snapshot before-upgrade-"
    And no answer failed
    When I run the commands that it printed
    Then it succeeds
    And "invoke status" says that every program is healthy
