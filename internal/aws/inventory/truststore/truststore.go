// Package truststore caches the trust stores of one account and Region: those that users name, and those that stacks
// own. A Region has few, so all are read together; tags are read only if the name has the form of the controller's
// names. Nothing is read unless a stack names, wants or may own a trust store. It plans nothing.
package truststore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	// nameLifetime is how long the list is believed where users name trust stores, absentLifetime that it lacks one.
	nameLifetime   = 10 * time.Minute
	absentLifetime = 15 * time.Second
	// ownLifetime is for the list that shows which trust stores stacks own: this process takes over what it makes.
	ownLifetime = 10 * time.Hour
	// pendingLifetime is for a trust store that is being created; Wait grows to longestWait with its age.
	pendingLifetime = 500 * time.Millisecond
	longestWait     = 15 * time.Second
)

// Config says which trust stores are meant.
type Config struct {
	Cluster string
	Now     func() time.Time
	// Wait is how long, in real time, a caller waits for a new answer where an old one serves.
	Wait time.Duration
	// Tags reads the tags of trust stores by ARN; those that do not exist are missing in the answer.
	Tags func(ctx context.Context, arns []string) (map[string]map[string]string, error)
}

// TrustStores is the known state of trust stores. It is safe for concurrent use, and holds no lock over a call.
type TrustStores struct {
	cfg   Config
	elbv2 awsclient.ELBV2
	list  *cache.Value[struct{}] // whether records show the list

	mu      sync.Mutex
	history order.History         // of writes of this process
	records map[string]*record    // by ARN
	listed  order.Mark            // at which the list began that records show
	missing map[string]bool       // names that a list did not have that was read for them
	gone    map[string]order.Mark // of deletions by this process
}

// record is one trust store.
type record struct {
	name, status string
	tags         map[string]string // nil = not read
	made         time.Time         // when this process first saw it
	wrote        order.Mark        // of its creation by this process; a list that began before cannot show it
}

// New makes TrustStores of which nothing is known.
func New(client awsclient.ELBV2, cfg Config) *TrustStores {
	t := &TrustStores{cfg: cfg, elbv2: client, records: map[string]*record{}, gone: map[string]order.Mark{},
		missing: map[string]bool{}, history: order.New(cfg.Now)}
	t.list = cache.NewValue(cache.Config{
		Now: cfg.Now, Lifetime: nameLifetime, Stale: cache.Stale, Wait: cfg.Wait, Passing: awsclient.Passing,
	}, t.read)
	return t
}

// read reads the list.
func (t *TrustStores) read(ctx context.Context) (struct{}, error) {
	t.mu.Lock()
	began := t.history.Now()
	t.mu.Unlock()
	listed := map[string]*record{}
	for p := elbv2.NewDescribeTrustStoresPaginator(t.elbv2, &elbv2.DescribeTrustStoresInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return struct{}{}, fmt.Errorf("describing trust stores: %w", err)
		}
		for _, s := range page.TrustStores {
			listed[aws.ToString(s.TrustStoreArn)] = &record{name: aws.ToString(s.Name), status: string(s.Status),
				made: t.cfg.Now()}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for arn, r := range listed {
		if was := t.records[arn]; was != nil {
			r.tags, r.made, r.wrote = was.tags, was.made, was.wrote
		}
	}
	for arn, r := range t.records {
		if listed[arn] == nil && !began.Covers(r.wrote) {
			listed[arn] = r
		}
	}
	for arn, deleted := range t.gone {
		if began.Covers(deleted) {
			delete(t.gone, arn)
		} else {
			delete(listed, arn)
		}
	}
	t.records, t.listed = listed, began
	return struct{}{}, nil
}

// ByName returns the ARNs of trust stores by name. An ARN is empty if the trust store does not exist, or is a stack's:
// names of stacks' trust stores follow from public values, and AWS deletes none that another load balancer uses. That
// one does not exist is believed briefly only, and not of a list from before it was first wanted.
func (t *TrustStores) ByName(ctx context.Context, names []string) (map[string]string, error) {
	asked := t.cfg.Now()
	_, err := t.list.Get(ctx)
	found := t.named(names, false)
	if err == nil && len(found) < len(names) {
		lifetime := absentLifetime
		if t.wantsList(names, found, asked) {
			lifetime = 0
		}
		_, err = t.list.Within(ctx, lifetime)
		found = t.named(names, false)
	}
	if err == nil && slices.ContainsFunc(names, func(name string) bool {
		return found[name] != "" && naming.MayBeTrustStore(found[name])
	}) {
		if err = t.readTags(ctx); err == nil {
			found = t.named(names, true)
		}
	}
	if err == nil {
		t.noteMissing(names, found)
	}
	return found, err
}

// wantsList reports whether a name that was not found is new, and the list older than the question.
func (t *TrustStores) wantsList(names []string, found map[string]string, asked time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.listed.At.Before(asked) && slices.ContainsFunc(names, func(name string) bool {
		return found[name] == "" && !t.missing[name]
	})
}

// noteMissing notes the names that were not found, and gives them an empty ARN.
func (t *TrustStores) noteMissing(names []string, found map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		if found[name] == "" {
			found[name], t.missing[name] = "", true
		} else {
			delete(t.missing, name)
		}
	}
}

// named are the trust stores with some names that are no stack's. After tags were read, tagged leaves out those that
// may be a stack's and of which AWS did not show the tags: they were just created or deleted.
func (t *TrustStores) named(names []string, tagged bool) map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]string{}
	for arn, r := range t.records {
		if _, _, owned := naming.StackOf(t.cfg.Cluster, arn, r.tags); !owned && slices.Contains(names, r.name) &&
			(!tagged || r.tags != nil || !naming.MayBeTrustStore(arn)) {
			out[r.name] = arn
		}
	}
	return out
}

// Of returns the trust stores that a stack owns, sorted by identity and ARN. On an error nothing may be concluded about
// what the stack owns.
func (t *TrustStores) Of(ctx context.Context, key stack.Key) ([]awsop.TrustStore, error) {
	age := ownLifetime
	if slices.ContainsFunc(t.own(key), func(s awsop.TrustStore) bool { return s.Status != awsop.TrustStoreActive }) {
		age = pendingLifetime
	}
	if _, err := t.list.Within(ctx, age); err != nil {
		return nil, err
	}
	if err := t.readTags(ctx); err != nil {
		return nil, err
	}
	return t.own(key), nil
}

// readTags reads the tags of the trust stores that may be the controller's, once.
func (t *TrustStores) readTags(ctx context.Context) error {
	arns := t.untagged()
	if len(arns) == 0 {
		return nil
	}
	tags, err := t.cfg.Tags(ctx, arns)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, arn := range arns {
		if r := t.records[arn]; r != nil && r.tags == nil && tags[arn] != nil {
			r.tags = tags[arn]
		}
	}
	return nil
}

// untagged are the trust stores that may be the controller's and whose tags were never read.
func (t *TrustStores) untagged() (arns []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for arn, r := range t.records {
		if r.tags == nil && naming.MayBeTrustStore(arn) {
			arns = append(arns, arn)
		}
	}
	slices.Sort(arns)
	return arns
}

// own are the trust stores of a stack as far as they are known.
func (t *TrustStores) own(key stack.Key) (out []awsop.TrustStore) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for arn, r := range t.records {
		of, id, ok := naming.StackOf(t.cfg.Cluster, arn, r.tags)
		if !ok || of != key {
			continue
		}
		out = append(out, awsop.TrustStore{ARN: arn, Status: r.status, TrustStore: stack.TrustStore{ID: id, Name: r.name,
			Hash: r.tags[naming.ContentTag], Tags: r.tags}})
	}
	slices.SortFunc(out, func(x, y awsop.TrustStore) int { return strings.Compare(x.ID+"\x00"+x.ARN, y.ID+"\x00"+y.ARN) })
	return out
}

// Listed reports whether the list was read, so that Of usually reads nothing.
func (t *TrustStores) Listed() bool {
	_, known := t.list.Peek()
	return known
}

// Wait returns how long to wait before another look at the trust stores of a stack; 0 = none of them changes by itself.
func (t *TrustStores) Wait(key stack.Key) time.Duration {
	own := t.own(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	var wait time.Duration
	for _, s := range own {
		r := t.records[s.ARN]
		if r == nil || r.status == awsop.TrustStoreActive {
			continue
		}
		next := max(2*pendingLifetime, min(t.cfg.Now().Sub(r.made)/4, longestWait))
		if wait == 0 || next < wait {
			wait = next
		}
	}
	return wait
}

// Forget has the list read again.
func (t *TrustStores) Forget() { t.list.Forget() }

// ForgetOf has the list read again if it shows a trust store of a stack.
func (t *TrustStores) ForgetOf(key stack.Key) {
	if len(t.own(key)) > 0 {
		t.list.Forget()
	}
}

// Record takes over what a successful operation did; resolve gives the ARN behind a reference. Operations on anything
// but trust stores have no effect.
func (t *TrustStores) Record(op plan.Operation, out awsop.Output, resolve func(stack.Ref) string) {
	effect := op.About().Effect
	if effect.Kind != stack.KindTrustStore {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	wrote := t.history.Next()
	arn := resolve(effect.Resource)
	if effect.Verb == plan.Deletes {
		delete(t.records, arn)
		t.gone[arn] = wrote
		return
	}
	var before awsop.Observed
	if r := t.records[arn]; r != nil {
		before.TrustStores = []awsop.TrustStore{
			{ARN: arn, Status: r.status, TrustStore: stack.TrustStore{Name: r.name, Tags: r.tags}}}
	}
	for _, is := range awsop.Advance(before, op, out, resolve).TrustStores {
		if r := t.records[is.ARN]; r != nil {
			r.tags = is.Tags
			continue
		}
		t.records[is.ARN] = &record{name: is.Name, status: is.Status, tags: is.Tags, made: t.cfg.Now(), wrote: wrote}
	}
}

// MarkUncertain takes note of an operation on a trust store of which it is not known whether it had an effect: the list
// and its tags are read again.
func (t *TrustStores) MarkUncertain(effect plan.Effect, resolve func(stack.Ref) string) {
	t.list.Forget()
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.records[resolve(effect.Resource)]; r != nil && effect.Verb == plan.Retags {
		r.tags = nil
	}
}
