Feature: Installed from a wheel, the program works in any folder
  The command is called metaflow-anywhere, or mfa for short. It is the very same collection of tasks as in a checkout.

  Scenario: An ordinary user brings a stack up, far from any checkout
    Given the wheel in an empty environment of an ordinary user, in a folder of a flow
    When I run "mfa up"
    Then it succeeds
    And it prints "next: mfa hello"
    And everything that runs is of that environment
    When I run "mfa hello"
    Then it succeeds
    When I run "mfa run -- python flow.py run"
    Then it succeeds
    When I run "metaflow-anywhere down"
    Then it succeeds
    And nothing is running

  Scenario: It tells its own name and version, and completes its verbs
    Given the wheel in an empty environment of an ordinary user, in a folder of a flow
    When I run "mfa --version"
    Then it prints "metaflow-anywhere 0.1.0"
    When I run "python -m metaflow_anywhere --list"
    Then it prints "restore-snapshot"
    And it does not print "Lint, types and all tests"
    When I run "mfa --complete -- mfa up --acc"
    Then it prints "--accept-loss"

  Scenario: The settings' file of the folder counts
    Given the wheel in an empty environment of an ordinary user, in a folder of a flow
    And a file invoke.yaml there that sets the port to 7999
    When I run "mfa settings"
    Then it prints "invoke.yaml"

  Scenario: Somebody's own tasks take the collection in one line
    Given the wheel in an empty environment of an ordinary user, in a folder of a flow
    And a tasks.py there that adds the collection under the name mf
    When I run "invoke mf.up"
    Then it succeeds
    When I run "invoke mf.status"
    Then it succeeds
    When I run "invoke mf.down"
    Then it succeeds
    And nothing is running

  Scenario: A runner brings it from the wheel for one call
    Given the wheel in an empty environment of an ordinary user, in a folder of a flow
    When uvx runs "metaflow-anywhere status" from the wheel
    Then the exit status is 1
    And it prints "uvx --from"
