Feature: The verbs of every day

  Background:
    Given the shared stack

  Scenario: The client's settings are ready for a shell
    When a shell evaluates "invoke env"
    Then a metaflow client in that shell reads from the stack

  Scenario: The client's settings are ready for programs and notebooks
    When I run "invoke env --json"
    Then it prints the same settings as JSON
    When I run "invoke env --notebook"
    Then it prints a "%env" line for each

  Scenario: A command runs with them
    When I run a command with "invoke run" that prints METAFLOW_SERVICE_URL and ends with status 7
    Then the exit status is 7
    And it prints "/service"

  Scenario: A table of programs
    When I run "invoke status"
    Then it succeeds
    And it lists database, service, ui and proxy with state, address, pid, memory, uptime and answer

  Scenario Outline: Who only looks is not kept waiting for libraries
    When I run "invoke <verb>", noting what it imports
    Then it succeeds
    And no costly library was imported

    Examples:
      | verb   |
      | status |
      | env    |
      | up     |

  Scenario: Restart one program
    When I run "invoke restart service"
    Then it succeeds
    And only the program service was restarted

  Scenario: Logs tell what clients asked, not what the stack asks itself
    Given a flow called LogFlow with a run
    When I run "invoke status"
    And I run "invoke logs service -n 2"
    Then it succeeds
    And it prints "POST /flows/LogFlow/run"
    And it does not print "GET /ping"
    When I run "invoke logs sync"
    Then each line of the log has a time in UTC

  Scenario: Options of a verb are not taken for its values
    When I run "invoke export --help"
    Then it succeeds
    And it prints "Usage:"
    When I run "invoke restart --plan"
    Then the exit status is 1
    And it prints "--plan"
    When I run "invoke psql -c 'SELECT 40 + 2'"
    Then it succeeds
    And it prints "42"

  Scenario: An export overwrites nothing, and quotes names
    Given a file that is already there, "{work}/my dump"
    When I run "invoke export '{work}/my dump'"
    Then the exit status is 1
    And it prints "my dump'"
    And the file still says what it said

  Scenario: The page in a browser
    Given a browser that notes what it opens
    When I run "invoke open"
    Then it succeeds
    And the browser opened the stack's page

  Scenario: The profile that counts where none is named
    When I run "invoke configure --default"
    Then it succeeds
    And it prints "wherever METAFLOW_PROFILE is not set"
    When a program that knows only the user's home asks Metaflow for its service
    Then it is the stack's

  Scenario: What a stack left is listed, and nothing is removed unasked
    When I run "invoke uninstall"
    Then it succeeds
    And it prints "to remove these: invoke uninstall --yes"
    And "invoke status" says that every program is healthy

  Scenario Outline: The examples run
    When I run the example <name>
    Then it succeeds

    Examples:
      | name         |
      | many_at_once |
      | moving_card  |
      | second_try   |

  Scenario: An SQL prompt
    When I run "invoke psql -- -Atc 'SELECT 40 + 2'"
    Then it succeeds
    And it prints "42"

  Scenario: A doctor
    When I run "invoke doctor"
    Then it succeeds
    And it prints "nothing to mend"
    And it prints "version         0.1.0"

  Scenario: The list shows the stages in the order of the graph
    When I run "invoke --list"
    Then the ten stages are listed in order, a line each

  Scenario: The graph with the state of each stage
    When I run "invoke graph"
    Then it prints "● already up"
    When I run "invoke graph --format svg"
    Then it prints "<svg"

  Scenario: Settings tell where they come from, and keep secrets
    Given the variable MF_METADATA_DB_PSWD is "open-sesame"
    When I run "invoke settings"
    Then it prints "environment: MF_ROOT"
    And it prints "********"
    And it does not print "open-sesame"

  Scenario: No secret where others can see it
    Then no password is in a command line, a log, or a file that others can read

  Scenario: The same tasks under fab
    When I run "fab status"
    Then it succeeds
    When I run "fab settings" below an invoke.yaml with "ui_origins: http://elsewhere.example"
    Then it prints "http://elsewhere.example"
    When I run "fab -H elsewhere.invalid up"
    Then the exit status is 1
    And it prints "nothing was run, here or there"
