Feature: What Metaflow's web UI asks for is there
  The UI backend's API, behind the same port, on a local datastore and without S3

  Background:
    Given the shared stack
    And a run of the flow linear that was started in some other folder

  Scenario: The list of runs
    When the UI asks for "/flows/Linear/runs/{run}"
    Then the answer says that the run is completed

  Scenario: Its parameters
    When the UI asks for "/flows/Linear/runs/{run}/parameters"
    Then the answer has the parameter word with the value hello

  Scenario: Its graph
    When the UI asks for "/flows/Linear/runs/{run}/dag"
    Then the answer has the steps start, middle and end

  Scenario: The log of a task, twice
    When the UI asks twice for "/flows/Linear/runs/{run}/steps/end/tasks/{end}/logs/out"
    Then each answer has the line "the end of hello"

  Scenario: Its card
    When the UI asks for "/flows/Linear/runs/{run}/steps/middle/tasks/{middle}/cards"
    Then the answer lists one card, and the card says "hello has 5 letters"

  Scenario: The value of an artifact
    When the UI asks for "/flows/Linear/runs/{run}/artifacts?name=length&postprocess=true"
    Then the answer has an artifact with the content 5

  Scenario: An open page hears of a new run
    When a page subscribes to the runs of the flow Heard
    And a flow called Heard with a run
    Then the page hears of the run
