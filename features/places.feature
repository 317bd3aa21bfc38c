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

  Scenario: A clone and a root in folders of any name, from a shell full of settings that are for others
    Given a clone and its environment in a folder called "Colab Notebooks/Team #1; {x} it's"
    And a root called "My Drive/-$(id) `id` 100% "日本" \ é = "
    And a shell with settings of other databases, locales, limits and users
    When I run "invoke up"
    Then it succeeds
    And "invoke status" says that every program is healthy
    When I run "invoke psql -c 'SELECT 40 + 2'"
    Then it succeeds
    And it prints "42"
    And the proxy tells who comes too early that the stack is starting

  Scenario: As a user whose number has no name
    Given a user without a name and a home, with an empty root
    When I run "invoke up"
    Then it succeeds
    When I run "invoke hello"
    Then it succeeds
