Feature: A root that is partly there, older, or not mounted
  A refusal is forgiven; starting empty, or with less than there was, without a word, is not

  Scenario: Only a part of root has arrived
    Given a stack that is up
    And a flow called Kept with a run
    When I run "invoke down"
    And root is brought to another machine, without the database's own files
    And the documents of the mirror have not arrived yet
    And I run "invoke up"
    Then the exit status is 1
    And it prints "signs of an earlier state"
    And there is no database yet
    When all of root has arrived
    And I run "invoke up"
    Then it succeeds
    And it prints "nothing is missing"
    And the run of Kept is still there
    When I run "invoke down"
    And root is brought to another machine, without the database's own files
    And the newest incarnation has not arrived yet
    And I run "invoke up"
    Then the exit status is 1
    And it prints "not all there was"
    And it prints "MISSING"
    And there is no database yet
    When I run "invoke up --accept-loss"
    Then it succeeds
    And it prints "MISSING"
    And the run of Kept is still there

  Scenario: Root is not mounted
    Given an empty root
    And the database is kept outside of root
    When I run "invoke up"
    And a flow called Kept with a run
    And the mirror's folder goes away
    And I run "invoke down"
    Then the exit status is 1
    And it prints "its last commits are not in the mirror"
    When I run "invoke up"
    Then the exit status is 1
    And it prints "root does not have the mirror that the database here belongs to"
    When the mirror's folder comes back
    And I run "invoke up"
    Then it succeeds
    And the run of Kept is still there

  Scenario: The database is put back as it was before, and moments of two histories
    Given a stack that is up
    When I run "invoke down"
    And a copy of the database's files is made
    And I run "invoke up"
    And a flow called Kept with a run
    And I run "invoke down"
    And the copy of the database's files is put back
    And I run "invoke up"
    Then it succeeds
    And it prints "nothing is missing"
    And the run of Kept is still there
    When this moment is remembered as the good one
    And a flow called Regretted with a run
    And this moment is remembered as the regretted one
    And a flow called Later with a run
    And I run "invoke down"
    And I go back to the good moment
    Then it succeeds
    When I ask for the regretted moment
    Then the exit status is 1
    And it prints "there was more than one history"
    When I run "invoke snapshots"
    Then it prints "beside the newest state"

  Scenario: Artifacts outside of root follow from machine to machine, and back
    Given an empty root
    And artifacts, logs and cards are written outside of root
    And something of the desktop's lies in the folder of artifacts
    When I run "invoke up"
    And the flow linear runs
    And I run "invoke down"
    Then it succeeds
    When a second machine goes on, runs the flow linear, and is given back
    And I run "invoke up"
    Then it succeeds
    And the Client API finds the run with its logs, its card and its artifacts
    And the first machine's folder has all that root has
    When a file of artifacts vanishes here
    And I run "invoke restart sync"
    Then it comes back from root

  Scenario: The database's own files are damaged
    Given a stack that is up
    And a flow called Kept with a run
    And everything so far is in the mirror
    When everything is killed at once
    And a file of the database is emptied
    And I run "invoke up"
    Then the exit status is 1
    And it prints "are damaged"
    And it prints "invoke restore-snapshot --replace"
    When I run "invoke down"
    And I run "invoke restore-snapshot --replace"
    Then it succeeds
    And it prints "the database that was here is kept in"
    When I run "invoke up"
    Then it succeeds
    And the run of Kept is still there

  Scenario: A root that an earlier version wrote
    Given a root that an earlier version wrote, whose machine was killed
    When I run "invoke up"
    Then it succeeds
    And it prints "the database had not been stopped"
    And its three runs of Old are there, and a new one has a number that none has had
    When I run "invoke down"
    Then it prints "transactions are in the mirror"
    When root is brought to another machine, without the database's own files
    And I run "invoke up"
    Then it succeeds
    And it prints "nothing is missing"
    And all four runs of Old are there

  Scenario: A run that was lost has left artifacts, and no other run takes them for its own
    Given a stack that is up
    When a run of Linear carries the word "first"
    And I run "invoke down"
    And root is brought to another machine, without the database's own files
    And I run "invoke up"
    And a run of Linear carries the word "second"
    Then its number follows the first's, with no more of a gap than PostgreSQL's own
    When I run "invoke snapshot --name early"
    And a run of Linear carries the word "lost"
    And I run "invoke down"
    And I run "invoke restore-snapshot --snapshot early --replace"
    And I run "invoke up"
    And a run of Linear carries the word "new"
    Then it has another number than the lost one, whose artifacts are still in the datastore
    And each run that is there reads its own word
