// Package inventory is the only cache of AWS. It lists by tags what the stacks of the cluster hold, reads load
// balancers, listeners, rules and target groups back, takes over what apply writes, and joins the packages below it,
// one for each noun of AWS: network, securitygroup, certificate, truststore, addon. It decides nothing and writes
// nothing.
//
// All exported functions may be called concurrently. Maps and slices that they return must not be changed; they do not
// change either. Errors are those of AWS, wrapped: what awsclient.Passing says of them holds. After any error nothing
// may be concluded about what exists.
//
// # Stacks
//
// Every stack has an entry, which is in one of these states (TestEventsLeadFromStateToStateAsInTheTable):
//
//	state      | fields of entry            | what Observed does              | what a caller may conclude from it afterwards
//	unlisted   | nothing is listed          | waits for the first listing     | (nothing before that)
//	listed     | stale = 0, uncertain empty | reads what is Unread and needed | what is shown exists, unless others deleted it; what is
//	           |                            |                                 | missing was not in the last listing and not made here since
//	uncertain  | stale = 0, some uncertain  | reads those resources by ARN,   | as listed; what AWS's lists may still miss is known to
//	           |                            | id or name, nothing else        | EnsureConsistent only
//	invalid    | stale > 0                  | waits for a listing that began  | as listed
//	           |                            | after the invalidation          |
//	assumed    | obs has parts that are     | as listed                       | see awsop.Assumed. Before a write, Verify makes the parts
//	           | awsop.Assumed              |                                 | uncertain (tags) or Unread (what is below lists)
//	rereading  | any, during Reread         | goes on with what is known      | as in the state that it is in
//
//	event                                      | next state
//	a listing ends that began after stale      | listed; what is below lists is read again when needed
//	a listing shows what a listed entry lacks  | invalid
//	a write succeeds (Record)                  | the same; what was written is known. A Reread under way is thrown away, and a
//	                                           | listing under way does not touch the entry
//	a write may or may not have had an effect  | uncertain (MarkUncertain)
//	AWS disagrees, something is missing        | invalid (Invalidate)
//	the uncertain resources are read           | listed
//	Reread finds all of it again               | listed; changes by others below lists are known
//	Reread misses something                    | invalid
//	nothing wants or holds the stack (Forget)  | no entry
//
// That nothing of a stack exists is proven by EnsureConsistent alone: it returns an absence.Absence if the stack rests
// on a listing that began after everything that such a listing could miss.
//
// What a write changes is derived from the operation alone: awsop.Advance is the observation after it, and
// plan.About names the resource that is created, changed or deleted, or that is uncertain when the answer is lost.
//
// # Facts
//
//	age of the answer               | what a reader gets
//	within its lifetime             | the answer
//	older, by cache.Stale at most   | the new answer if AWS gives it within a moment, else the old one, while the read goes on; the old one
//	                                | at once while such a read is under way, and for cache.Retry after one has failed; see cache.NoteStale
//	older still, never read         | what AWS answers, within cache.ReadTimeout
//	forgotten (InvalidateFacts)     | what AWS answers, within cache.ReadTimeout; if that fails for a passing reason, the old answer
//	an absence older than its life  | what AWS answers, within cache.ReadTimeout
//
// This holds for what is looked up by name or id, for security groups and their rules (RulesAtHand), for certificates
// and for interfaces as well. A passing failure leaves the old answer; any other one is the answer until AWS is read
// again. Code that concludes from an old answer that something does not exist, or that takes something away, forgets it
// first and reads again.
package inventory
