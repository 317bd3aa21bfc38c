Feature: A command finds the stack that is meant
  What was said at up need not be said again, and nothing of one stack is mixed with another's

  Background:
    Given the shared stack

  Scenario: Root and port are forgotten in a new shell
    Given a new shell in which root and port are not named
    When I run "invoke env"
    Then it prints the address and the datastore of the stack that runs
    And it says which stack it means

  Scenario: A root that is down has no settings to print
    Given a new shell in which root and port are not named
    When I run "invoke env --root {elsewhere}"
    Then the exit status is 1
    And standard output is empty
    And it prints "invoke up --root {elsewhere}"

  Scenario: A port that is said later is not taken for the stack's
    Given the variable MF_PORT is "1"
    When I run "invoke status"
    Then it succeeds
    And it prints "1 (environment: MF_PORT) counts from the next up on"

  Scenario: A profile is what a client without any variable goes by
    When I run "invoke configure"
    Then it succeeds
    And a client in an empty environment with METAFLOW_PROFILE=anywhere reads from the stack
    When I run "invoke doctor"
    Then it prints "config_anywhere.json is for this stack"

  Scenario: Somebody's own profile is left as it is
    Given somebody's own profile called anywhere
    When I run "invoke configure"
    Then it is refused with "somebody's own profile"
    And that profile is as it was

  Scenario: A notebook that imported Metaflow before the settings is told
    When the cell of "invoke env --notebook" runs in a notebook
    Then it succeeds
    When the cell of "invoke env --notebook" runs in a notebook that has imported Metaflow
    Then it is refused with "Metaflow was imported before these settings"

  Scenario: The same stack under fab
    When I run "fab settings"
    Then it prints the same as "invoke settings"
