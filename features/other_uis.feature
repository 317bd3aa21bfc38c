Feature: Another web UI can be used with a stack
  Metaflow's own, or one of yours: its build shown by the stack, or a server of its own that asks the stack

  Background:
    Given a stack that is told of another web UI's folder and of another one's origin
    And a browser

  Scenario: The stack shows the build of another web UI
    When I open the stack's page
    Then the other web UI lists all runs, page by page
    And its styles and its font are there
    And it hears of a new run
    And it hands new data to a live card in its frame
    And the browser refused nothing

  Scenario: A web UI with a server of its own asks the stack
    When I open the other web UI at its own server
    Then the other web UI lists all runs, page by page
    And it hears of a new run
    And it shows a card in a frame
    And the browser refused nothing

  Scenario: A page of yet another origin is refused
    When I open the other web UI at a server that the stack was not told of
    Then the other web UI cannot read the runs
