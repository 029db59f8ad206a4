package inventory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Owner says which stack a target group belongs to, by its tags. The zero value is the owner of a user's target group.
type Owner struct {
	Stack stack.Key
	// TargetGroup is the identity of the target group in the stack.
	TargetGroup string
	// Claimants is set if the tags name several stacks, and nothing shows to which one the target group belongs. It has
	// the namespaces of these stacks, each between commas.
	Claimants string
}

// External reports whether the target group is a user's.
func (o Owner) External() bool { return o == Owner{} }

// ClaimedBy reports whether several stacks claim the target group, and one of them is of a namespace.
func (o Owner) ClaimedBy(namespace string) bool {
	return namespace != "" && strings.Contains(o.Claimants, ","+namespace+",")
}

// Placed reports whether the identity of the target group decides about the namespace of its binding.
func (o Owner) Placed() bool { return naming.NamespaceOfTargetGroup(o.TargetGroup) != "" }

// BindsIn reports whether the binding of the target group belongs to a namespace, if the identity decides about it.
func (o Owner) BindsIn(namespace string) bool { return naming.BindsIn(o.TargetGroup, namespace) }

// TargetGroupOwner returns the stack of this cluster to which a target group belongs. It costs one DescribeTags for a
// target group that no listing shows: because none is complete, or because the target group is younger or of another
// VPC. An error means that the owner is unknown: AWS did not answer, or denies the tags. A target group that does not
// exist has none.
func (i *Inventory) TargetGroupOwner(ctx context.Context, arn string) (Owner, error) {
	owner, known := i.KnownOwner(arn)
	if known && !i.outdated(arn) {
		return owner, nil
	}
	owners, failed := i.readOwners(ctx, []string{arn})
	return owners[arn], failed[arn]
}

// readOwners reads to which stacks at most tagBatch target groups or load balancers belong. An owner that cannot be
// read has an error, which counts for denialPause if AWS refuses to show the tags.
func (i *Inventory) readOwners(ctx context.Context, arns []string) (owners map[string]Owner, failed map[string]error) {
	owners, failed = map[string]Owner{}, map[string]error{}
	arns = slices.DeleteFunc(slices.Clone(arns), func(arn string) bool {
		err := i.deniedOwner(arn)
		if err != nil {
			failed[arn] = err
		}
		return err != nil
	})
	if len(arns) == 0 {
		return owners, failed
	}
	read, err := shared(ctx, i, "owners of "+strings.Join(arns, " "), func(ctx context.Context) (ownerTags, error) {
		return i.tagsOfEach(ctx, arns), nil
	})
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.history.Now()
	maps.DeleteFunc(i.denials, func(_ string, d ownerDenial) bool { return now.At.Sub(d.at) >= denialPause })
	maps.DeleteFunc(i.unlisted, func(_ string, t readTags) bool { return now.At.Sub(t.At) >= 2*foreignLifetime })
	for _, arn := range arns {
		if err := cmp.Or(err, read.failed[arn]); err != nil {
			failed[arn] = fmt.Errorf("cannot read the tags of target group %s: %w", arn, err)
			if refusesTags(err) {
				i.denials[arn] = ownerDenial{failed[arn], now.At}
			}
			continue
		}
		i.unlisted[arn] = readTags{read.tags[arn], now}
		owners[arn] = i.ownerByTags(arn, read.tags[arn])
	}
	return owners, failed
}

// ownerTags are tags by ARN, and why those of other ARNs could not be read.
type ownerTags struct {
	tags   map[string]map[string]string
	failed map[string]error
}

// refusesTags reports whether AWS refuses to show tags, which may be because of one of the resources.
func refusesTags(err error) bool { return denied(err) || awsclient.Classify(err).Class == diag.Invalid }

// tagsOfEach reads the tags of at most tagBatch resources. If AWS refuses them together, each is read by itself.
func (i *Inventory) tagsOfEach(ctx context.Context, arns []string) ownerTags {
	tags, err := i.describeTagBatch(ctx, arns)
	if err == nil {
		return ownerTags{tags: tags}
	}
	out := ownerTags{tags: map[string]map[string]string{}, failed: map[string]error{}}
	for _, arn := range arns {
		if len(arns) == 1 || !refusesTags(err) {
			out.failed[arn] = err
			continue
		}
		one := i.tagsOfEach(ctx, []string{arn})
		maps.Copy(out.tags, one.tags)
		maps.Copy(out.failed, one.failed)
	}
	return out
}

// LearnAccount asks AWS for the account whose resources the inventory has, once. Until AWS has answered, the account is
// that of the resources which are known.
func (i *Inventory) LearnAccount(ctx context.Context) {
	if i.ownAccount() != "" {
		return
	}
	account := i.identity.Account(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.account = account
}

func (i *Inventory) ownAccount() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.account == "" {
		for known := range i.tags {
			i.account = awsclient.AccountOf(known)
			break
		}
	}
	return i.account
}

// OfOtherAccount reports whether an ARN is known to be of another account than the one whose resources the inventory
// has. While that account is not known, no ARN is.
func (i *Inventory) OfOtherAccount(arn string) bool {
	own := i.ownAccount()
	return own != "" && own != awsclient.AccountOf(arn)
}

// HasListed reports whether a listing has been complete: what it does not show is younger, or of another VPC.
func (i *Inventory) HasListed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.listed.N > 0
}

// denialPause is how long the tags of a target group are not read again after AWS has refused to show them.
const denialPause = time.Minute

// ownerDenial records that AWS refused to show the tags of a target group.
type ownerDenial struct {
	err error
	at  time.Time
}

// deniedOwner returns the error with which AWS refused to show the tags of a target group within denialPause; nil =
// there is none.
func (i *Inventory) deniedOwner(arn string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if d, denied := i.denials[arn]; denied && i.cfg.Now().Sub(d.at) < denialPause {
		return d.err
	}
	return nil
}

// outdated reports whether the tags of a target group were read outside listings, and long ago.
func (i *Inventory) outdated(arn string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tags[arn].known() {
		delete(i.unlisted, arn)
		return false
	}
	t, read := i.unlisted[arn]
	return read && i.cfg.Now().Sub(t.At) >= foreignLifetime
}

// doubt has the tags of a target group or load balancer read again, if they name several stacks: by the next call of
// RereadTags, or by the next Answer if no listing shows the resource.
func (i *Inventory) doubt(arn string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if t := i.tags[arn]; i.ownerByTags(arn, t.tags).Claimants != "" {
		t.At = time.Time{}
		i.tags[arn] = t
	}
	if i.ownerByTags(arn, i.unlisted[arn].tags).Claimants != "" {
		delete(i.unlisted, arn)
	}
}

// KnownOwner returns the stack of this cluster to which a target group or a load balancer belongs, without asking AWS.
// known is false for a resource of which no tags were read.
func (i *Inventory) KnownOwner(arn string) (owner Owner, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if read := i.tags[arn]; read.known() {
		return i.ownerByTags(arn, read.tags), true
	}
	if e := i.stacks[i.having[arn]]; e != nil && i.listed.N > 0 { // its tags were just written
		for _, tg := range e.obs.TargetGroups {
			if tg.ARN == arn {
				return Owner{Stack: e.obs.Key, TargetGroup: tg.ID}, true
			}
		}
		if e.owns(arn) {
			return Owner{Stack: e.obs.Key, TargetGroup: stack.LoadBalancerIdentity}, true
		}
	}
	read, ok := i.unlisted[arn]
	return i.ownerByTags(arn, read.tags), ok
}

// noteHaving enters the resources of a stack into the indexes by ARN and by name, and counts them again. The caller
// holds i.mu.
func (i *Inventory) noteHaving(e *entry) {
	i.recount(e.obs.Key)
	if i.having == nil {
		i.having, i.holders = map[string]stack.Key{}, map[string][]stack.Key{}
	}
	named := func(name string) {
		if !slices.Contains(i.holders[name], e.obs.Key) {
			i.holders[name] = append(i.holders[name], e.obs.Key)
		}
	}
	for n := range e.obs.SecurityGroups {
		if !e.obs.SecurityGroups[n].Shared {
			named(e.obs.SecurityGroups[n].Name)
		}
	}
	for n := range e.obs.TargetGroups {
		i.having[e.obs.TargetGroups[n].ARN] = e.obs.Key
		named(e.obs.TargetGroups[n].Name)
	}
	for n := range e.obs.LoadBalancers {
		if !e.obs.LoadBalancers[n].Foreign {
			named(e.obs.LoadBalancers[n].Name)
		}
		// the stack that owns it has precedence over stacks that only show it
		if lb := &e.obs.LoadBalancers[n]; !lb.Foreign || i.stacks[i.having[lb.ARN]] == nil {
			i.having[lb.ARN] = e.obs.Key
		}
		if provisioning(&e.obs.LoadBalancers[n]) {
			i.starting[e.obs.LoadBalancers[n].ARN] = e.obs.Key
		}
	}
}

// owns reports whether a load balancer was created for the stack.
func (e *entry) owns(arn string) bool {
	return slices.ContainsFunc(e.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool {
		return lb.ARN == arn &&
			!lb.Foreign
	})
}

// askable is the form of an ARN of a target group or load balancer for which AWS can be asked.
var askable = regexp.MustCompile(
	`^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:(targetgroup|loadbalancer/(app|net|gwy))/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}$`)

// ownerFacts answers which stacks own target groups and load balancers. It answers from the listing, and asks AWS
// about resources that the listing does not show, because they may be younger. An ARN that AWS would not accept costs
// no call. The owner of a resource whose tags AWS denies is unknown, and its need gets an error.
func (i *Inventory) ownerFacts(ctx context.Context, arns []string) (put func(*facts.Facts), err error) {
	if err := i.list(ctx, order.Mark{}); err != nil {
		return nil, fmt.Errorf("listing the target groups of the cluster: %w", err)
	}
	known, failed := i.ownersOf(ctx, arns)
	owners := map[string]*facts.TargetGroupOwner{}
	for _, arn := range arns {
		owner := known[arn]
		switch {
		case failed[arn] != nil:
		case owner.External():
			owners[arn] = nil
		default:
			owners[arn] = &facts.TargetGroupOwner{Stack: owner.Stack, ID: owner.TargetGroup, Ambiguous: owner.Claimants != ""}
		}
	}
	return func(f *facts.Facts) {
		f.TargetGroupOwners = owners
		for arn, err := range failed {
			f.Fail(facts.Need{Kind: facts.NeedTargetGroupOwner, Key: arn}, awsclient.Problem("DescribeTags", err))
		}
	}, nil
}

// ownersOf returns the known owners of target groups and load balancers, and reads the others, several batches in
// parallel. The owner is the zero value for an ARN that AWS would not accept.
func (i *Inventory) ownersOf(ctx context.Context, arns []string) (owners map[string]Owner, failed map[string]error) {
	owners, failed = map[string]Owner{}, map[string]error{}
	var unknown []string
	for _, arn := range arns {
		owner, known := i.KnownOwner(arn)
		if owners[arn] = owner; !known && askable.MatchString(arn) {
			unknown = append(unknown, arn)
		}
	}
	var mu sync.Mutex
	var reads errgroup.Group
	reads.SetLimit(readers)
	for some := range slices.Chunk(unknown, tagBatch) {
		reads.Go(func() error {
			read, unread := i.readOwners(ctx, some)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(owners, read)
			maps.Copy(failed, unread)
			return nil
		})
	}
	_ = reads.Wait() // each failure is its ARN's
	return owners, failed
}

func (i *Inventory) ownerByTags(arn string, tags map[string]string) Owner {
	key, id, ok := naming.StackOf(i.cfg.Cluster, arn, tags)
	switch {
	case !ok && naming.Ambiguous(i.cfg.Cluster, tags):
		return Owner{Claimants: "," + strings.Join(naming.Claimants(i.cfg.Cluster, tags), ",") + ","}
	case !ok:
		return Owner{}
	}
	return Owner{Stack: key, TargetGroup: id}
}

// Holder returns the stack of this cluster that has a load balancer, target group or security group with a name, as far
// as it is known without a call.
func (i *Inventory) Holder(kind stack.Kind, name string) (holder stack.Key, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range i.holders[name] {
		if e := i.stacks[key]; e != nil && e.has(kind, name) {
			return key, true
		}
	}
	return stack.Key{}, false
}

// TakenBeside returns a function that reports whether another stack than one has a resource with a name.
func (i *Inventory) TakenBeside(key stack.Key) func(stack.Kind, string) bool {
	return func(kind stack.Kind, name string) bool {
		holder, known := i.Holder(kind, name)
		return known && holder != key
	}
}

// holds reports whether a stack has a resource with a name.
func (e *entry) has(kind stack.Kind, name string) bool {
	switch kind { //nolint:exhaustive // only these have names that are derived from others
	case stack.KindLoadBalancer:
		return slices.ContainsFunc(e.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool {
			return lb.Name == name && !lb.Foreign
		})
	case stack.KindTargetGroup:
		return slices.ContainsFunc(e.obs.TargetGroups, func(tg awsop.TargetGroup) bool { return tg.Name == name })
	case stack.KindSecurityGroup:
		return slices.ContainsFunc(e.obs.SecurityGroups, func(g awsop.SecurityGroup) bool { return g.Name == name })
	}
	return false
}
