// Package inventory is the only cache of AWS. It lists the resources of the cluster's stacks by tags, reads load
// balancers, listeners, rules and target groups, and records what apply writes. It joins the packages below it, one for
// each kind of resource: network, securitygroup, certificate, truststore, addon. It decides and writes nothing.
//
// All exported functions may be called concurrently. Maps and slices that they return do not change, and callers must
// not change them. Errors are those of AWS, wrapped, so awsclient.Passing works. After an error, nothing may be
// concluded about which resources exist.
//
// # How new something is
//
// There is one order: each invalidation, write and beginning listing takes the next mark (package order). A read shows
// all events up to the mark at which it began, and of two answers the newer one counts. Callers say how new a listing
// must be, and take the newest one, the one in progress, or a new one (list):
//
//	caller                         | mark that the listing must cover
//	Load, Keys, Observed           | none: any listing of this process
//	Observed of an invalid stack   | the newest invalidation of the stack, and the newest write to it
//	ConfirmAbsence                 | ten minutes ago; after the listing that believed the tags of an earlier process
//	ProveAbsence                   | the last write that lists may miss, and listLag
//	ListAgain                      | the beginning of the first listing, and listLag
//
// Tags have a mark by resource (readTags): ConfirmOwnership reads those older than a minute, a listing those older than
// the invalidation of their stack, RereadTags foreign ones older than an hour. The zero Mark is of an earlier process.
//
// # Stacks
//
// Every stack has an entry, which is in one of the first four of these states; the others come in addition
// (TestEventsLeadFromStateToStateAsInTheTable):
//
//	state      | fields of entry            | what Observed does              | what a caller may conclude from it afterwards
//	unlisted   | nothing is listed          | waits for the first listing     | (nothing before that)
//	listed     | list covers invalidated,   | reads what is Unread and needed | what is shown exists, unless others deleted it; what is
//	           | uncertain empty            |                                 | missing was not in the last listing and not made here since
//	uncertain  | list covers invalidated,   | reads those resources by ARN,   | as listed; what AWS's lists may still miss is known to
//	           | some uncertain             | id or name, nothing else        | ProveAbsence only
//	invalid    | list is older than         | waits for a listing that began  | as listed
//	           | invalidated                | after the invalidation          |
//	assumed    | obs has parts that are     | as listed                       | see awsop.Assumed. Before a write, RereadAssumed makes the parts
//	           | awsop.Assumed              |                                 | uncertain (tags) or Unread (what is below lists)
//	rereading  | any, during Reread         | goes on with what is known      | as in the state that it is in
//
//	event                                      | next state
//	a listing ends that covers invalidated     | listed; what is below lists is read again when needed
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
// Only ProveAbsence proves that no resource of a stack exists: it returns an absence.Absence if the stack rests
// on a listing that began after every write that it could miss.
//
// The operation alone says what a write changes: awsop.Advance returns the observation after it, and plan.About names
// the resource that is created, changed or deleted, or that is uncertain if the answer is lost.
//
// # Facts
//
//	age of the answer               | what a reader gets
//	within its lifetime             | the answer
//	older, by cache.Stale at most   | the new answer if AWS gives it within a moment, else the old one, while the read goes on; the old one
//	                                | at once while such a read is under way, and for cache.Retry after one has failed; see cache.NoteStale
//	older still, never read         | what AWS answers, within cache.ReadTimeout; if that fails for a passing reason, the
//	                                | old answer
//	forgotten (InvalidateFacts)     | what AWS answers, within cache.ReadTimeout; if that fails for a passing reason, the old answer
//	an absence older than its life  | what AWS answers, within cache.ReadTimeout
//
// Lifetimes, for example: certificates and free addresses 1 min, limits of the account 5 min, subnets and security
// groups 10 min, web ACLs 1 h.
//
// That a target group or load balancer with a name does not exist is believed for 15 s, then for 30 s, then for a
// minute. What objects miss in other answers is read again every 15 s at most, however many passes miss it
// (RereadMissing). Names are read in batches, and an answer that fails is that of the batch: the others have theirs.
//
// The same applies to lookups by name or id, to security groups and their rules (RulesAtHand), to certificates and to
// interfaces. After a passing failure the old answer stays; any other failure is the answer until AWS is read again.
// Code that concludes from an old answer that something does not exist, or that takes something away, first forgets the
// answer and reads again.
package inventory
