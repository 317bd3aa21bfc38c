Feature: It runs where people are
  As root in Colab, as oneself on a shared machine, and without any network

  Scenario: As an unprivileged user
    Given an unprivileged user with an empty root
    When that user runs "invoke up"
    Then it succeeds
    When that user runs "invoke hello"
    Then it succeeds
    When that user runs "invoke down"
    Then it succeeds
    And no program of the stack is left

  Scenario: Root's own folder is closed to PostgreSQL
    Given a root below a folder that only root may enter
    When I run "invoke up"
    Then it succeeds
    And the folder is as closed as before

  Scenario: Without a route to anywhere
    Given a network without a route
    When I run "invoke up" there
    Then it succeeds
    And no program tried to reach another machine
