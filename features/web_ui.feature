Feature: The web UI shows runs as they happen
  Behind the same port, in a browser, without anything to install

  Background:
    Given the shared stack
    And a browser

  Scenario: A flow started while the page is open appears, moves and completes by itself
    When I open the list of runs
    And I start the flow showcase, which waits in the middle
    Then the list shows a running run of Showcase within 30 seconds
    When I open that run
    Then its timeline shows the steps start and describe
    When the flow is let go
    Then its timeline shows the step end within 60 seconds
    And the page says that the run is completed
    And nothing was loaded anew

  Scenario: An outage is told, and ends by itself
    Given a run of the flow showcase
    When I open that run
    And the UI backend is stopped
    And I look at the tasks of the run
    Then the page says that the backend does not answer
    When the UI backend is started again
    Then the page shows the run again, without the notice

  Scenario: What I see is in the address
    Given a run of the flow showcase
    When I open the list of runs
    And I filter by the flow "Showcase" and show failed runs only
    And I open the address that I see in another browser
    Then the other browser shows the same list

  Scenario: Tags are edited in the page
    Given a run of the flow showcase
    When I open that run
    And I add the tag "looked-at" and remove the tag "draft"
    Then the Client API says that the run has the tag "looked-at" and not "draft"

  Scenario: A task shows its logs, its card and its artifacts
    Given a run of the flow showcase
    When I open the task of its step choose
    Then I see its card, which says "The best score is"
    And I see its artifact best with the value 0.99
    When I open the task of its step end
    Then I see its log, which says "the best of a first try is 0.99"

  Scenario: The attempts of a task that was retried
    Given a run of the flow showcase
    When I open the task that failed at first
    Then I can choose between its two attempts
    And the log of the first says "the second seed fails at first"

  Scenario: The stack tells how it is
    When I open the page of the stack
    Then it lists every program as up
    And it says when the last change was saved
    And it shows the last lines of the log of the metadata service

  Scenario: A page that is opened while the UI backend is down comes by itself
    Given the UI backend is stopped
    When I open the list of runs
    Then I see a page that says "trying again"
    When the UI backend is started again
    Then I see the list of runs
