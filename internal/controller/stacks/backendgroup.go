package stacks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// BackendGroup deletes the cluster's shared security group when the last load balancer is deleted, and updates the
// tags of a group in use. It also checks at the start of a process. It then deletes a group that a restart left
// behind, and updates tags that an earlier process set with other --default-tags.
type BackendGroup struct {
	client    client.Reader
	inventory *inventory.Inventory
	run       func(context.Context, plan.Plan) apply.Result
	cluster   string
	Log       logr.Logger
	// Failed is called when AWS keeps refusing to delete the group, with the owner of the stack that was released last;
	// nil = no call.
	Failed   func(stack.Owner)
	Unserved []stack.Owner // owners whose objects are not read
	queue    *queue.Keyed  // of looks

	DefaultTags  map[string]string
	ExternalTags []string // keys that others manage
	open         string   // the groups that logOpen has logged
	untagged     string   // why the tags could not be set, as it was logged

	// Shared reports whether another cluster has the same name, whose load balancers may use the group; nil = none has.
	Shared func() bool
	// restricted: the caches show one namespace only, so load balancers of the others may use the group.
	Restricted bool
	asked      atomic.Bool // check was called since the last look
	released   atomic.Pointer[stack.Owner]
	witness    atomic.Pointer[protectedObject] // the object that showed in the last look that the group is needed

	mu    sync.Mutex // locked while the group is deleted
	users map[stack.Key]bool

	looks    int    // how many looks are left before the group counts as needed
	failures int    // attempts to delete it in a row that AWS refused
	logged   string // what was logged about these attempts
}

const (
	// logAfter is the number of refused attempts after which the references to the group are logged. That is about a
	// minute, in which the network interfaces of a deleted load balancer disappear.
	logAfter = 6
	// BackendLooks is how often a look is repeated if it finds the group needed, first after this pause and then after
	// longer ones. The cache may still show the object whose release caused the look, for up to a minute on a busy
	// machine.
	BackendLooks = 13
	backendPause = 25 * time.Millisecond
	// longestDeletion limits the time of an attempt to delete the group, because passes wait for its end.
	longestDeletion = 10 * time.Second
)

// backendRetry are the pauses between attempts while network interfaces or rules still refer to the group. A user's
// rule, such as that of a database, may refer to it for ever.
var backendRetry = backoff.Policy{First: 2 * time.Second, Longest: 10 * time.Minute}

// NewBackendGroup makes the runnable for a cluster; run applies a plan.
func NewBackendGroup(c client.Reader, inv *inventory.Inventory, run func(context.Context, plan.Plan) apply.Result,
	cluster string, log logr.Logger) *BackendGroup {
	b := &BackendGroup{client: c, inventory: inv, run: run, cluster: cluster, Log: log}
	b.queue = queue.NewKeyed(0, time.Now, func(ctx context.Context, _ string) (r queue.Retry) {
		if pause := b.Look(ctx); pause > 0 {
			r.At = time.Now().Add(pause)
		}
		return r
	})
	b.queue.Gather = backendPause        // one look for load balancers that are deleted at the same time
	b.released.Store(new(stack.Ingress)) // a group that a restart left behind counts as this owner's
	return b
}

// Released requests a check, because a stack of an owner no longer exists. It never blocks.
func (b *BackendGroup) Released(o stack.Owner) {
	b.released.Store(&o)
	b.Check()
}

// Use keeps the group for a stack that will be created, until Forget: the cache does not show the finalizers of its
// objects yet. If the group is being deleted, Use waits for the end of that.
func (b *BackendGroup) Use(key stack.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users == nil {
		b.users = map[stack.Key]bool{}
	}
	b.users[key] = true
}

// Forget ends Use: from now on, the caches show whether the stack needs the group.
func (b *BackendGroup) Forget(key stack.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.users, key)
}

// Check requests a check. It never blocks.
func (b *BackendGroup) Check() {
	b.asked.Store(true)
	b.queue.AddNow(b.cluster)
}

// Start runs until ctx ends; it implements manager.Runnable.
func (b *BackendGroup) Start(ctx context.Context) error {
	b.Check()
	return b.queue.Start(awsclient.WithCause(ctx, awsclient.SharedGroup))
}

// Look deletes the group if nothing needs it. It returns the time until the next look; 0 = none before one is
// requested.
func (b *BackendGroup) Look(ctx context.Context) (again time.Duration) {
	if b.asked.Swap(false) {
		b.looks = BackendLooks
	}
	needed, err := b.Needed(ctx)
	b.looks--
	b.logOpen()
	if err == nil && needed {
		b.tag(ctx)
	}
	switch {
	case err == nil && needed && b.looks > 0:
		b.failures = 0
		return backendPause << (BackendLooks - 1 - b.looks)
	case err == nil && needed, err == nil && b.removeUnused(ctx):
		b.failures, b.logged = 0, ""
		return 0
	}
	b.failures++
	if b.failures >= logAfter && b.Failed != nil { // before that, network interfaces of load balancers may still disappear
		b.Failed(*b.released.Load())
	}
	return backendRetry.Pause(b.failures)
}

// backendKey is the stack under which the group's deletion runs; it owns nothing else.
var backendKey = stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: stack.BackendSecurityGroup}}

// removeUnused deletes the group unless a new stack uses it. It returns false if another attempt is due.
func (b *BackendGroup) removeUnused(ctx context.Context) (settled bool) {
	ctx, cancel := context.WithTimeout(ctx, longestDeletion)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.users) > 0 || b.remove(ctx)
}

// remove deletes the group, which nothing needs. It returns false if another attempt is due.
func (b *BackendGroup) remove(ctx context.Context) (settled bool) {
	need := facts.Need{Kind: facts.NeedSecurityGroups}
	f, err := b.inventory.Answer(ctx, []facts.Need{need})
	if b.inventory.RefusedFirstListing(f.Errors[need]) {
		return true
	}
	if err != nil || len(f.Errors) > 0 {
		return false
	}
	settled = true
	for _, g := range b.inventory.SecurityGroups().Backend() {
		id := g.GroupID
		p := diff.DeleteShared(backendKey, g)
		o := b.run(ctx, p).Outcomes[p.Steps[0].ID]
		if o.State == apply.Done {
			b.Log.Info("deleted the shared backend security group", "group", id)
			continue
		}
		b.logRefusal(ctx, id, o)
		settled = false
	}
	return settled
}

// logOpen logs once which groups do not count as the shared group, because of their rules.
func (b *BackendGroup) logOpen() {
	if b.inventory == nil {
		return
	}
	groups := b.inventory.SecurityGroups().OpenBackend()
	if text := fmt.Sprint(groups); text != b.open && len(groups) > 0 {
		b.open = text
		b.Log.Info("security groups with the tags of the shared backend security group have rules that admit clients, "+
			"which would open every load balancer of the cluster; "+
			"load balancers get another group: remove these rules, or name the group by --backend-security-group",
			"groups", groups)
	}
}

// tag sets the tags that the group lacks, as far as the group is known. It reads nothing.
func (b *BackendGroup) tag(ctx context.Context) {
	want := maps.Clone(b.DefaultTags)
	if len(want) == 0 {
		return
	}
	maps.Copy(want, naming.BackendTracking(b.cluster))
	for _, g := range b.inventory.SecurityGroups().Backend() {
		p := diff.TagShared(backendKey, g, want, b.ExternalTags)
		if p.Empty() {
			continue
		}
		switch o := b.run(ctx, p).Outcomes[p.Steps[0].ID]; {
		case o.State == apply.Done:
			b.untagged = ""
			b.Log.Info("set tags of the shared backend security group", "group", g.GroupID, "tags", p.Steps[0].Why)
		case o.Err != nil && o.Err.Error() != b.untagged:
			b.untagged = o.Err.Error()
			b.Log.Info("the shared backend security group keeps its old tags: AWS refuses the tags of --default-tags; the "+
				"controller retries when load balancers are created or deleted",
				"group", g.GroupID, "cause", awsclient.SteadyText(b.untagged))
		}
	}
}

// logRefusal logs once what prevents AWS from deleting the group.
func (b *BackendGroup) logRefusal(ctx context.Context, group string, o apply.Outcome) {
	b.Log.V(1).Info("the shared backend security group is still in use", "group", group, "outcome", o.State, "on", o.On)
	if b.failures+1 < logAfter {
		return
	}
	admitting := b.inventory.SecurityGroups().Admitting(ctx, group)
	if text := fmt.Sprint(group, admitting); text != b.logged {
		b.logged = text
		b.Log.Info("AWS refuses to delete the shared backend security group, which no load balancer of the cluster uses: "+
			"remove the rules that name it as their source, or the network "+
			"interfaces that have it; it is tried again, at last every ten minutes", "group", group, "securityGroupsWithRules",
			admitting)
	}
}

// Needed reports whether an object still carries a finalizer of ours, or a binding still allows the group. AWS keeps
// a group that a rule refers to, and rules are deleted after load balancers.
func (b *BackendGroup) Needed(ctx context.Context) (bool, error) {
	if b.Restricted || b.Shared != nil && b.Shared() {
		return true, nil
	}
	if b.stillProtected(ctx) {
		return true, nil
	}
	for _, k := range owner.Kinds {
		if slices.Contains(b.Unserved, k.Owner) {
			continue
		}
		if protected, err := b.anyProtected(ctx, k); err != nil || protected {
			return protected, err
		}
	}
	group, known := b.inventory.SharedGroup()
	if !known || b.inventory.HasRetained() {
		return known, nil
	}
	var bindings v1beta1.TargetGroupBindingList
	if err := b.client.List(ctx, &bindings, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	return slices.ContainsFunc(bindings.Items, func(o v1beta1.TargetGroupBinding) bool { return admits(&o, group) }), nil
}

// protectedObject is an object that carried a finalizer of ours in the last complete look.
type protectedObject struct {
	owner stack.Owner
	kind  objects.Kind
	key   client.ObjectKey
}

// stillProtected reports whether the object that the last look found protected still is. It needs no list.
func (b *BackendGroup) stillProtected(ctx context.Context) bool {
	w := b.witness.Load()
	if w == nil {
		return false
	}
	o, ok := readable.Kinds[w.kind].Object.DeepCopyObject().(client.Object)
	return ok && b.client.Get(ctx, w.key, o, client.UnsafeDisableDeepCopy) == nil &&
		len(naming.StacksOfFinalizers(w.owner, o)) > 0
}

// anyProtected reports whether an object of a kind has a finalizer of ours. The index has only such objects.
func (b *BackendGroup) anyProtected(ctx context.Context, k owner.Kind) (protected bool, err error) {
	list := readable.List(objects.Kind(k.Kind))
	if err := b.client.List(ctx, list, client.MatchingFields{readable.References: readable.ProtectedBy(k.Owner)},
		client.Limit(1), client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	err = meta.EachListItem(list, func(o runtime.Object) error {
		if x, ok := o.(client.Object); ok && !protected {
			protected = true
			b.witness.Store(&protectedObject{k.Owner, objects.Kind(k.Kind), client.ObjectKeyFromObject(x)})
		}
		return nil
	})
	return protected, err
}

// admits reports whether a binding requests rules whose source is the group.
func admits(o *v1beta1.TargetGroupBinding, group string) bool {
	return o.Spec.Networking != nil && slices.ContainsFunc(o.Spec.Networking.Ingress,
		func(r v1beta1.NetworkingIngressRule) bool {
			return slices.ContainsFunc(r.From, func(p v1beta1.NetworkingPeer) bool {
				return p.SecurityGroup != nil && p.SecurityGroup.GroupID == group
			})
		})
}
