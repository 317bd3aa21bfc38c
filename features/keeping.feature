Feature: States that are kept
  A state can be given a name, tried out, and brought back; one file carries everything elsewhere

  Scenario: A snapshot is listed with what is in it, and whether a restore of it was tried
    Given the shared stack
    And a snapshot called listed
    When I run "invoke snapshots"
    Then it lists listed with its time, size, rows and this machine, not verified yet
    When I run "invoke snapshot-verify listed"
    Then it succeeds
    And it prints "it can be restored"
    When I run "invoke snapshots"
    Then it lists listed as verified just now

  Scenario: A name belongs to one snapshot until that is deleted
    Given the shared stack
    And a snapshot called taken
    When I run "invoke snapshot --name taken"
    Then the exit status is 1
    And it prints "there is a snapshot 'taken' already"
    When I run "invoke snapshot-delete taken"
    Then it succeeds
    When I run "invoke snapshot-verify taken"
    Then the exit status is 1
    And it prints "no snapshot 'taken'"

  Scenario: Snapshots that are taken at the same time are all good
    Given the shared stack
    When "invoke snapshot" is run five times at once
    Then all five succeed, each with a name of its own
    And every file of them is what was written
    And nothing of them is left on this machine

  Scenario: Whoever dies while taking a snapshot keeps nobody waiting
    Given the shared stack
    And an "invoke snapshot" that is killed while it is at work
    When I run "invoke snapshot --name after-that"
    Then it succeeds
    And every file of them is what was written

  Scenario: Whether the newest state of the mirror can be restored is found out beside a running stack
    Given the shared stack
    And a flow called Drilled with a run
    And everything so far is in the mirror
    When I run "invoke snapshot-verify"
    Then it succeeds
    And it prints "indexes checked against their tables"
    And it prints "it can be restored"
    And nothing of the trial is left

  Scenario: Back to a snapshot
    Given a stack that is up
    And a flow called Kept with a run
    And a snapshot called good
    And a flow called Regretted with a run
    When I run "invoke down"
    And I run "invoke restore-snapshot --snapshot good --replace"
    Then it succeeds
    And the database that was here is kept aside, with the flow Regretted
    When I run "invoke up"
    Then it succeeds
    And the run of Kept is still there
    And there is no flow called Regretted

  Scenario: A file carries everything to an empty stack, for good
    Given the shared stack
    And a flow called Carried with a run, a task and a tag
    When I run "invoke export {file}"
    Then it succeeds
    When I go to another machine with an empty root
    And I run "invoke import {file}"
    Then it succeeds
    And it prints "came in"
    When I run "invoke up"
    Then the flow Carried has its run, task and tag
    When everything is killed at once
    And root is brought to another machine, without the database's own files
    And I run "invoke up"
    Then the flow Carried has its run, task and tag

  Scenario: The database of an official service is taken over from its dump
    Given an empty root
    And a dump of an official service's database
    When I run "invoke import {dump}"
    Then it succeeds
    And it prints "2 flows, 30 runs, 90 tasks came in"
    When I run "invoke up"
    Then it succeeds
    And the runs of the official service are there with their tags
    And new runs, tasks and metadata have numbers of their own

  Scenario: An import is never in the way of what is here
    Given an empty root
    And a dump of an official service's database
    When I run "invoke import {dump}"
    And I run "invoke import {dump}"
    Then the exit status is 1
    And it prints "there are 30 runs here already"
    And these files change nothing, and it is said why:
      | file                             | said                                |
      | a missing one                    | no file                             |
      | random bytes                     | neither a dump of PostgreSQL nor SQL |
      | half of that dump                | it is cut off                       |
      | a dump of another application    | there is no table flows_v3 in it    |
    When I run "invoke import {dump} --replace"
    Then it succeeds
    And it prints "the database that was here is kept in"

  Scenario: The mirror of another root
    Given the shared stack
    And a flow called Abroad with a run
    And everything so far is in the mirror
    When I go to another machine with an empty root
    And I run "invoke restore-snapshot --from {other_root}"
    Then it succeeds
    When I run "invoke up"
    Then the run of Abroad is still there

  Scenario: A moment before everything
    Given the shared stack
    When I go to another machine with an empty root
    And I run "invoke restore-snapshot --from {other_root} --at 2000-01-01"
    Then the exit status is 1
    And it names the earliest moment, and that can be restored
    And there is no database yet

  Scenario: What is no moment
    Given an empty root
    When I run "invoke restore-snapshot --at yesterday"
    Then the exit status is 1
    And it prints "'yesterday' is not a moment"

  Scenario: A file that cannot be written
    Given the shared stack
    When I run "invoke export /proc/states.dump"
    Then the exit status is 1
    And it prints "cannot write /proc/states.dump"
    When I export to a disk that is too small
    Then the exit status is 1
    And it prints "No space left on device"
    And nothing is on that disk
