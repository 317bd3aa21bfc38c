Feature: What dies comes back
  Whatever is killed, nobody has to repair anything by hand

  Scenario Outline: One program is killed while a flow runs
    Given the shared stack
    When I start the flow fan with "--width 12 --max-workers 4" and kill <program> while it runs
    Then the program <program> answers again without help
    And the flow succeeds

    Examples:
      | program  |
      | database |
      | service  |
      | ui       |
      | proxy    |

  Scenario: Everything is killed, the supervisor too
    Given a stack that is up
    And a flow called Kept with a run
    When everything is killed at once
    And I run "invoke up"
    Then it succeeds
    And the run of Kept is still there

  Scenario: Only the supervisor is killed
    Given a stack that is up
    When the supervisor is killed
    And I run "invoke up"
    Then it succeeds
    And "invoke status" says that every program is healthy
    And each program runs once

  Scenario: A program hangs
    Given a stack that is up
    When the service hangs for so long that it cannot be just starting
    And I run "invoke up"
    Then it succeeds
    And "invoke status" says that every program is healthy

  Scenario: A program hangs, and nobody looks
    Given a stack that is up
    When the service is stopped by a signal
    Then it is replaced within a minute and a half
    And "invoke status" says what the watchdog did
    And the database was not restarted

  Scenario: The supervisor is gone
    Given a stack that is up
    When the supervisor is killed
    And I run "invoke status"
    Then the exit status is 1
    And it prints "the supervisor is gone, and what it left runs on"

  Scenario: A reboot leaves stale files behind
    Given a stack that is up
    When everything is killed at once
    And the process numbers in the stale files now belong to others
    And I run "invoke up"
    Then it succeeds
    And "invoke status" says that every program is healthy

  Scenario: Down after the supervisor was killed
    Given a stack that is up
    When the supervisor is killed
    And I run "invoke down"
    Then it succeeds
    And no program of the stack is left

  Scenario: Up is interrupted half way
    Given an empty root
    When I run "invoke up" and press Ctrl-C once the database is starting
    Then the exit status is 130
    When I run "invoke up"
    Then it succeeds

  Scenario: Up is killed half way
    Given an empty root
    When I run "invoke up" and kill it once the database's files are there
    And I run "invoke up"
    Then it succeeds
    And "invoke status" says that every program is healthy
    And each program runs once

  Scenario: Two ups at once
    Given an empty root
    When I run "invoke up" twice at the same time
    Then both succeed
    And each program runs once
