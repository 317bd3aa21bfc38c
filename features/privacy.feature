Feature: Other accounts of this machine see nothing
  What a stack writes is for its owner, whatever the umask of the shell that brings it up

  Scenario: Nothing can be read or written by another account
    Given an empty root
    And a shell whose umask is 000
    And a program that has no umask of its own
    When I run "invoke up"
    Then it succeeds
    And the proxy's port on loopback is the only one that its programs listen on
    When I run "invoke hello"
    And I run "invoke snapshot --name Kept"
    And I run "invoke export {elsewhere}"
    And the mirror has a base, a dump and a snapshot
    Then another account can read and write nothing of root, state, sockets and export but PostgreSQL's programs
    And every file of mirror, state and export is closed by its own mode
    And what must be passable for PostgreSQL is no more than that

  Scenario: A shell of a hardened server, for another database, in another language
    Given an empty root
    And a shell whose umask is 077
    And the variable MF_ROOT is "{folder}/new/Team #1/a ;b/c'd"
    And the variable MF_STATE_DIR is "{folder}/My, {state} dir"
    And the variable PGPASSWORD is "of-another-database"
    And the variable PGSERVICE is "another"
    And the variable PGOPTIONS is "-c search_path=elsewhere"
    And the variable PGHOSTADDR is "192.0.2.1"
    And the variable PGTARGETSESSIONATTRS is "read-only"
    And the variable PYTHONIOENCODING is "ascii"
    And the variable USER is "jane doe"
    And the variable AWS_SECRET_ACCESS_KEY is "of-a-cloud"
    When I run "invoke up"
    Then it succeeds
    And "invoke status" says that every program is healthy
    And no program knows "of-a-cloud" or "of-another-database"
    When I run "invoke hello"
    Then it succeeds
    When I run "invoke snapshot"
    Then it succeeds
    When I run "invoke run -- printenv PGPASSWORD"
    Then it prints "of-another-database"
