// Package upkeep has tests of a running controller: its budget of calls, retries, sweeps, events and traces.
package upkeep
