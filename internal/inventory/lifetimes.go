package inventory

import "time"

// How long what was read is believed. What this process writes is written through and does not age by itself; stacks are
// read again when they are invalidated.
const (
	// goneLifetime is for a target group that this process deleted: its binding goes within seconds.
	goneLifetime = time.Hour

	// confirmedFor is how long the tags of what a plan deletes count as just read; absenceConfirmedFor is how old a listing may be
	// that holds no load balancer of a stack, when one is created.
	confirmedFor        = time.Minute
	absenceConfirmedFor = 10 * time.Minute

	// foreignLifetime is when the tags of load balancers and target groups of others are read again in the background, twenty at a time.
	foreignLifetime = time.Hour

	// listLag is how long after a write AWS's lists may still miss it. AWS promises no bound: its API references say that EC2's
	// and Elastic Load Balancing's reads are eventually consistent, and what people measure is up to a few seconds.
	listLag = 5 * time.Second

	// absentLifetime is for what was asked for by name or id and does not exist: people fix that.
	absentLifetime = 15 * time.Second
	// loadTimeout bounds a shared read, whoever waits for it; of a listing, the time in which nothing of it comes back.
	loadTimeout = time.Minute
	// partialLifetime is how long what a failed listing had read may be gone on from.
	partialLifetime = 10 * time.Minute
	// progressEvery is how often a listing under way tells how far it is.
	progressEvery = 10 * time.Second
)
