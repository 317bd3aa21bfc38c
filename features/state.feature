Feature: The state survives the machine
  Everything worth keeping is in root. The machine may be killed at any moment, and the next one goes on from there

  Scenario: A flow's run is there again on another machine
    Given a stack that is up
    And the flow linear has run
    When everything is killed at once
    And root is brought to another machine, without the database's own files
    And I run "invoke up"
    Then it succeeds
    And it prints "state of"
    And the Client API finds the run with its logs, its card and its artifacts
    And the UI's API finds the run with its logs, its card and its artifacts

  Scenario: Artifacts that are written outside of root are on the next machine too
    Given an empty root
    And artifacts, logs and cards are written outside of root
    When I run "invoke up"
    And the flow linear runs
    And everything so far is in the mirror
    Then "invoke status" says that all of them are in root
    When everything is killed at once
    And root is brought to another machine, without the database's own files
    And the folder outside of root is as empty as on a new machine
    And I run "invoke up"
    Then it succeeds
    And the Client API finds the run with its logs, its card and its artifacts
    And the UI's API finds the run with its logs, its card and its artifacts
    When the copy in root cannot be written
    And the flow linear runs
    Then "invoke status" and "invoke doctor" say that it is not copied
    When the copy in root can be written again
    And I run "invoke down"
    Then it succeeds
    And everything outside of root is in root

  Scenario: A clean end loses nothing and says so
    Given a stack that is up
    And a flow called Kept with a run
    When I run "invoke down"
    Then it prints "transactions are in the mirror"
    And the logs of the stack are in root
    When root is brought to another machine, without the database's own files
    And I run "invoke up"
    Then it succeeds
    And it prints "nothing is missing"
    And the run of Kept is still there

  Scenario: A copy of the database's files is not trusted
    Given a stack that is up
    And a flow called Kept with a run
    And everything so far is in the mirror
    When root is copied while the stack is up
    And I run "invoke up --root {elsewhere}"
    Then it succeeds
    And it prints "the database that was here is kept in"
    And the run of Kept is still there

  Scenario: The whole machine is shut down
    Given a stack that is up
    And a flow called Kept with a run
    When every process of the stack is asked to end at once
    And root is brought to another machine, without the database's own files
    And I run "invoke up"
    Then it succeeds
    And it prints "nothing is missing"
    And the run of Kept is still there

  Scenario: Another machine takes over
    Given a stack that is up
    And a flow called Kept with a run
    And everything so far is in the mirror
    When a second machine brings up the same root
    Then the first machine's database stops by itself
    And "invoke status" of the first machine says who has taken over
    And the second machine has the run of Kept
    When the second machine goes down
    And I run "invoke up"
    Then it succeeds
    And the run of Kept is still there

  Scenario: A look before a restore
    Given a stack that is up
    When I run "invoke down"
    And root is brought to another machine, without the database's own files
    And I run "invoke restore-snapshot --dry-run"
    Then it succeeds
    And it prints "nothing was changed"
    And there is no database yet

  Scenario: Back to an earlier moment
    Given a stack that is up
    And a flow called Kept with a run
    And everything so far is in the mirror
    And this moment is remembered
    And a flow called Regretted with a run
    When I run "invoke down"
    And I go back to the remembered moment
    Then it succeeds
    When I run "invoke up"
    Then the run of Kept is still there
    And there is no flow called Regretted

  Scenario: A newer database is never replaced by accident
    Given a stack that is up
    When I run "invoke down"
    And I run "invoke restore-snapshot --at 2000-01-01"
    Then the exit status is 1
    And it prints "is newer than what would be restored"

  Scenario: A damaged base is noticed, named, and not needed
    Given a stack that is up
    And a flow called Kept with a run
    When I run "invoke down"
    And root is brought to another machine, without the database's own files
    And I run "invoke up"
    And I run "invoke down"
    And a byte of the newest base is turned over
    And root is brought to another machine, without the database's own files
    And I run "invoke up"
    Then it succeeds
    And it prints "not used, damaged"
    And the run of Kept is still there

  Scenario: The drive cannot be written
    Given a stack that is up
    When the mirror's folder goes away
    And a flow called Meanwhile with a run
    Then "invoke status" says that the mirror is degraded
    When the mirror's folder is back
    Then "invoke status" says that every program is healthy
