Feature: One command brings the whole stack up
  As an ML engineer with a throw-away machine
  I want one command for everything and nothing lost between two sessions

  Scenario: A fresh root
    Given an empty root
    When I run "invoke up"
    Then it succeeds
    And it prints the URL and what to do next
    And "invoke status" says that every program is healthy
    And the page at the URL says that Metaflow is up

  Scenario: Everything is still there after down and up
    Given a stack that is up
    And a flow called Kept with a run
    When I run "invoke down"
    Then no program of the stack is left
    When I run "invoke up"
    Then it succeeds
    And the run of Kept is still there

  Scenario: Root is copied to another place
    Given a stack that is up
    And a flow called Kept with a run
    When I run "invoke down"
    And I run "cp -r {root} {elsewhere}"
    And I run "invoke up --root {elsewhere}"
    Then it succeeds
    And the run of Kept is still there

  Scenario: What belongs to the machine is thrown away
    Given an installation of its own
    And a stack that is up
    And a flow called Kept with a run
    When I run "invoke down"
    And the machine's own folder is thrown away
    And I run "invoke up"
    Then it succeeds
    And the run of Kept is still there

  Scenario: Up a second time changes nothing
    Given a stack that is up
    When I run "invoke up"
    Then it succeeds
    And no program was restarted
    And it prints "already up"

  Scenario: Down while up is at work
    Given an empty root
    When I run "invoke down" while "invoke up" is at work
    Then it succeeds
    And that "invoke up" failed with "`down` was run while this was at work, and stopped it"
    And no program of the stack is left

  Scenario: A plan says what would be done and does nothing
    Given an empty root
    When I run "invoke up --plan"
    Then it succeeds
    And it prints "there is no database yet"
    And root is still empty

  Scenario: One after the other, on request
    Given an empty root
    When I run "invoke up --serial"
    Then it succeeds
    And "invoke status" says that every program is healthy

  Scenario: A single stage brings up just what it needs
    Given an empty root
    When I run "invoke start-service"
    Then it succeeds
    And the program service is up
    And the program proxy is down

  Scenario: A stage that is satisfied says so and does nothing
    Given a stack that is up
    When I run "invoke start-db"
    Then it succeeds
    And it prints "already up"
    And no program was restarted

  Scenario: Another root is another stack
    Given nobody chose ports for the inner programs
    And a stack that is up
    And a flow called First with a run
    When I bring up a second stack with another root and port
    Then it succeeds
    And the second stack knows no flow
    And "invoke status" says that every program is healthy

  Scenario: Options reach every stage
    Given an empty root
    When I run "invoke up --root {elsewhere}"
    Then it succeeds
    And the database is in "{elsewhere}"
    And root is still empty
