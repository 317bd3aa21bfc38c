Feature: A drive that hangs
  A mounted drive may stop answering, without an error and without an end; nobody waits for it for long

  Scenario: While the drive hangs the stack goes on, and every command ends and says so
    Given a stack on a drive that can be told to hang, asked with a patience of 3 seconds
    And a flow called Before with a run
    When the drive hangs
    And a flow called Meanwhile gets a run
    Then "invoke status" says within 30 seconds that the mirror is degraded, since when, and that the drive hangs
    And each of these ends within 30 seconds, well
      | status --json | logs -n 2 | psql -c 'SELECT 1' | settings | env | open | export {file} | uninstall |
    And each of these ends within 30 seconds with the status 1, and says that the drive hangs
      | doctor | snapshot | snapshots | snapshot-verify | restore-snapshot --dry-run | up |
    And the run of Meanwhile is still there
    When the drive answers again
    And I run "invoke status --wait"
    Then it succeeds
    And the run of Meanwhile comes back from the mirror alone

  Scenario: A stop while the drive hangs loses nothing, and says what is missing
    Given a stack on a drive that can be told to hang, asked with a patience of 3 seconds
    When the drive hangs
    And a flow called Meanwhile gets a run
    And I run "invoke down"
    Then the exit status is 1
    And it prints "the database is stopped, and its last commits are not in the mirror"
    And it prints "they are safe on this machine"
    When the drive answers again
    And I run "invoke down"
    Then it succeeds
    And it prints "transactions are in the mirror"
    And no program of the stack is left
    And the run of Meanwhile comes back from the mirror alone
