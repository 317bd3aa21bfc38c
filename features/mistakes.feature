Feature: One clear message
  Each mistake and each broken surrounding is told once: what, why, and what to run next; nothing is left half done

  Scenario: The port is taken
    Given an empty root
    And another program listens on the stack's port
    When I run "invoke up"
    Then it fails with "is taken"
    And it names the other program and the way out

  Scenario: The port belongs to another stack
    Given a stack that is up
    When I bring up a second stack on the same port
    Then it fails with "is taken"

  Scenario: Another stack's proxy is not taken for one's own
    Given a stack that is up
    When I run the bundled flow for another root on the same port
    Then it fails with "another program answers on port"

  Scenario: Root cannot be written
    Given a root that cannot be written
    When I run "invoke up"
    Then it fails with "MF_ROOT cannot be written"
    And nothing is running

  Scenario: Root is a file
    Given a root that is a file
    When I run "invoke up"
    Then it fails with "is not a folder"
    And nothing is running

  Scenario: Root is so deep that artifacts could not be read back
    Given a root with a path of 236 characters
    When I run "invoke up"
    Then it fails with "the path of the datastore is too long"
    And nothing is running

  Scenario: The disk is full
    Given a root on a disk of 12 MB
    When I run "invoke up"
    Then it fails with "No space left"
    And no half-made database is left
    And nothing is running

  Scenario: An unknown option
    Given an empty root
    When I run "invoke up --speed 9"
    Then it fails with "--speed"
    And root is still empty

  Scenario: An unknown setting
    Given an empty root
    When I run "invoke up --set databse_port=7000"
    Then it fails with "did you mean database_port?"
    And root is still empty

  Scenario: A malformed value in the environment
    Given an empty root
    And the variable MF_PORT is "many"
    When I run "invoke up"
    Then it fails with "environment: MF_PORT"
    And root is still empty

  Scenario: A program of PostgreSQL is missing
    Given an empty root
    And the PostgreSQL program initdb is missing
    When I run "invoke up"
    Then it fails with "initdb is missing"
    And it prints "pip install --force-reinstall"
    And nothing is running

  Scenario: The stack is down
    Given an empty root
    When I run "invoke hello"
    Then it fails with "the stack is not up"
    And it prints "invoke up"
