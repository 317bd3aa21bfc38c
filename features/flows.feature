Feature: A real flow runs against the stack
  The unmodified metaflow client, configured only by "invoke env"

  Background:
    Given the shared stack

  Scenario: A linear flow with a card
    When I run the flow linear with "--word anywhere"
    Then the flow succeeds
    And the Client API reads its parameter, artifacts, logs and card

  Scenario: A foreach of 50 with a join
    When I run the flow fan with "--max-workers 8"
    Then the flow succeeds
    And the Client API finds 50 parallel tasks and the sum of their artifacts
    And each parallel task names its parent

  Scenario: A flow that retries, catches, breaks and is resumed
    When I run the flow stumble, which breaks
    Then the Client API tells that the run was not successful
    When the cause is mended and the flow is resumed
    Then the flow succeeds
    And the Client API reads both attempts and the caught failure

  Scenario: Tags come and go
    Given a run of the flow linear
    When the tags "good" and "old" are added and "old" is removed
    Then the Client API lists the tag "good" and not "old"

  Scenario: The bundled flow
    When I run "invoke hello"
    Then it succeeds
    And it prints "everything it wrote was read back"
