package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// Lifetimes of answers about load balancers.
const (
	// BalancerFor is how long an answer counts. The name of a load balancer is never another one's, so that only settings
	// can have changed.
	BalancerFor = time.Hour
	// problemFor is how long a name without a load balancer is not asked for again.
	problemFor = 10 * time.Second
	// maxBalancers bounds the answers of a namespace; beyond it, all of its own are forgotten.
	maxBalancers = 2000
	// tagsPerCall is how many load balancers one DescribeTags describes.
	tagsPerCall = 20
)

// balancers are answers about load balancers, by namespace of those that ask and by the key of the need.
type balancers struct {
	mu    sync.Mutex
	hosts map[string]map[string]answer
}

type answer struct {
	declare.Balancer
	until time.Time
}

// Balancers answers the needs of a namespace. An answer that AWS does not give has a Problem; one that it gave before
// serves on. listeners are the ARNs of listeners that earlier answers showed, also to an earlier process.
func (a *Account) Balancers(ctx context.Context, namespace string, needs []declare.Need,
	listeners []string) declare.Answers {
	out := declare.Answers{}
	var due []asked
	var arns []string
	for _, n := range needs {
		before, fresh := a.answered(namespace, n)
		if out[n.Key()] = before.Balancer; fresh {
			continue
		}
		if due = append(due, asked{Need: n, before: before, listeners: listeners}); n.ARN != "" {
			arns = append(arns, n.ARN)
		}
	}
	owners := a.ownersOf(ctx, arns)
	for _, n := range due {
		n.others = owners[n.ARN].key.ID.Namespace != namespace
		out[n.Key()] = a.ask(ctx, namespace, n, owners)
	}
	return out
}

// memoryKey identifies the answer to a need.
func memoryKey(n declare.Need) string {
	switch {
	case n.Listeners:
		return n.Key() + " with listeners"
	case n.Settings:
		return n.Key() + " with settings"
	}
	return n.Key()
}

// answered returns the last answer to a need, and whether it still counts.
func (a *Account) answered(namespace string, n declare.Need) (before answer, fresh bool) {
	a.balancers.mu.Lock()
	defer a.balancers.mu.Unlock()
	before = a.balancers.hosts[namespace][memoryKey(n)]
	return before, a.now().Before(before.until)
}

// asked is a need whose answer no longer counts.
type asked struct {
	declare.Need
	before    answer
	listeners []string // ARNs of listeners that may be those of the load balancer
	others    bool     // it is not of the namespace that asks
}

// known are the ARNs of the listeners that the load balancer is known to have had.
func (n asked) known() []string {
	all := listenersOf(n.ARN, slices.Concat(n.before.Listeners, n.listeners))
	slices.Sort(all)
	return slices.Compact(all)
}

// listenersOf returns those ARNs of listeners that are of a load balancer.
func listenersOf(balancer string, listeners []string) []string {
	own := strings.Replace(balancer, ":loadbalancer/", ":listener/", 1) + "/"
	return slices.DeleteFunc(slices.Clone(listeners), func(arn string) bool { return !strings.HasPrefix(arn, own) })
}

// ask asks AWS, and remembers the answer.
func (a *Account) ask(ctx context.Context, namespace string, n asked, owners map[string]owner) declare.Balancer {
	b, now, before := &a.balancers, a.now(), n.before
	found, err := a.look(ctx, n, owners)
	until := now.Add(BalancerFor)
	first := before.until.IsZero() || before.Problem != ""
	if found.Unconfirmed = n.Listeners && first && len(n.known()) == 0; found.Unconfirmed {
		until = now.Add(problemFor)
	}
	if err != nil {
		found, until = declare.Balancer{Problem: err.Error()}, now.Add(problemFor)
		if unknown := (*unknownOwnerError)(nil); errors.As(err, &unknown) {
			found.OwnerProblem = err.Error()
		}
		if !before.until.IsZero() && before.Problem == "" {
			found = before.Balancer
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hosts[namespace] == nil || len(b.hosts[namespace]) >= maxBalancers {
		b.hosts[namespace] = map[string]answer{}
	}
	b.hosts[namespace][memoryKey(n.Need)] = answer{found, until}
	return found
}

// look asks AWS for one load balancer.
func (a *Account) look(ctx context.Context, n asked, owners map[string]owner) (declare.Balancer, error) {
	owner, err := owners[n.ARN].key, owners[n.ARN].err
	if err != nil {
		return declare.Balancer{}, err
	}
	ofOthers := owner != stack.Key{} && n.others
	if n.ARN != "" && !n.Settings && !ofOthers {
		return declare.Balancer{ARN: n.ARN, Owner: owner}, nil
	}
	in := &elbv2.DescribeLoadBalancersInput{}
	name := naming.OfHostname(n.Host)
	switch {
	case n.ARN != "":
		in.LoadBalancerArns = []string{n.ARN}
	case name != "":
		in.Names = []string{name} // names with capitals are found, too: AWS compares them without regard to case
	}
	var found *elbv2types.LoadBalancer
	for found == nil {
		page, err := a.clients.ELBV2.DescribeLoadBalancers(ctx, in)
		if err != nil {
			return declare.Balancer{}, problem("DescribeLoadBalancers", err)
		}
		for i := range page.LoadBalancers {
			if lb := &page.LoadBalancers[i]; n.ARN != "" || strings.EqualFold(strings.TrimPrefix(n.Host, "dualstack."),
				aws.ToString(lb.DNSName)) {
				found = lb
			}
		}
		if in.Marker = page.NextMarker; found == nil && in.Marker == nil {
			return declare.Balancer{}, fmt.Errorf("AWS has no load balancer with the name %s", n.Host)
		}
	}
	if s := found.State; n.Host != "" && s != nil && s.Code == elbv2types.LoadBalancerStateEnumProvisioning {
		return declare.Balancer{},
			fmt.Errorf("AWS is still provisioning load balancer %s, which can be an endpoint once it is active",
				aws.ToString(found.LoadBalancerName))
	}
	if n.ARN == "" { // whose it is matters here, too: whoever may write the status of an object chooses the name
		arn := aws.ToString(found.LoadBalancerArn)
		of := a.ownersOf(ctx, []string{arn})[arn]
		if owner = of.key; of.err != nil {
			return declare.Balancer{}, of.err
		}
	}
	out := declare.Balancer{
		ARN: aws.ToString(found.LoadBalancerArn), Owner: owner, Network: found.Type == elbv2types.LoadBalancerTypeEnumNetwork,
		SecurityGroups: len(found.SecurityGroups) > 0,
		DualStack:      strings.HasPrefix(string(found.IpAddressType), "dualstack"),
		Internal:       found.Scheme == elbv2types.LoadBalancerSchemeEnumInternal,
	}
	if n.Listeners {
		err := a.lookListeners(ctx, &out, n.known())
		return out, err
	}
	return out, nil
}

// owner is the stack of this cluster to which a load balancer belongs by its tags; the zero key = to none.
type owner struct {
	key stack.Key
	err error // the owner is not known at this moment
}

// ownersOf returns the owners of load balancers, by ARN. AWS shows the tags of load balancers of this account only.
func (a *Account) ownersOf(ctx context.Context, arns []string) map[string]owner {
	out := map[string]owner{}
	var unknown []string
	for _, arn := range arns {
		if a.KnownOwner != nil {
			if key, known := a.KnownOwner(arn); known {
				out[arn] = owner{key: key}
				continue
			}
		}
		unknown = append(unknown, arn)
	}
	slices.Sort(unknown)
	for part := range slices.Chunk(slices.Compact(unknown), tagsPerCall) {
		a.readOwners(ctx, part, out)
	}
	return out
}

// readOwners reads owners by one call. If AWS refuses it because of one of the load balancers, each is read by itself.
func (a *Account) readOwners(ctx context.Context, arns []string, out map[string]owner) {
	got, err := a.clients.ELBV2.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: arns})
	switch {
	case err != nil && len(arns) > 1 && absent(err):
		for _, arn := range arns {
			a.readOwners(ctx, []string{arn}, out)
		}
		return
	case err != nil:
		for _, arn := range arns {
			if out[arn] = (owner{}); !a.lacks(ctx, arn, err) {
				out[arn] = owner{err: &unknownOwnerError{problem("DescribeTags", err)}}
			}
		}
		return
	}
	for _, arn := range arns { // AWS describes also what has no tags
		out[arn] = owner{err: &unknownOwnerError{problem("DescribeTags", errors.New("AWS answered without the tags"))}}
	}
	for _, d := range got.TagDescriptions {
		arn := aws.ToString(d.ResourceArn)
		key, _, ours := naming.StackOf(a.config.Cluster, arn, awsclient.BalancingPairs(d.Tags))
		if !ours {
			key = stack.Key{}
		}
		out[arn] = owner{key: key}
	}
}

// absent reports whether AWS refuses a call because this account has no such load balancer, or it is none.
func absent(err error) bool {
	c := awsclient.Classify(err).Class
	return c == diag.NotFound || c == diag.Invalid
}

// lacks reports whether a load balancer whose tags AWS refuses is known not to be in this account: a refused read of
// tags says nothing of the owner, and AWS may show the tags of a new load balancer later than the load balancer.
func (a *Account) lacks(ctx context.Context, arn string, refused error) bool {
	if awsclient.Classify(refused).Class != diag.Denied && !absent(refused) {
		return false
	}
	_, err := a.clients.ELBV2.DescribeLoadBalancers(ctx,
		&elbv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
	return err != nil && absent(err)
}

// unknownOwnerError is the error of a look at a load balancer of which AWS does not show at this moment whose it is.
type unknownOwnerError struct{ error }

// lookListeners adds the listeners of a load balancer. One of those before that AWS's list lacks is gone only if AWS
// says so of its ARN.
func (a *Account) lookListeners(ctx context.Context, b *declare.Balancer, before []string) error {
	add := func(listeners []elbv2types.Listener) {
		for _, l := range listeners {
			b.AddPort(string(l.Protocol), aws.ToInt32(l.Port))
			b.Listeners = append(b.Listeners, aws.ToString(l.ListenerArn))
		}
	}
	in := &elbv2.DescribeListenersInput{LoadBalancerArn: aws.String(b.ARN)}
	for {
		page, err := a.clients.ELBV2.DescribeListeners(ctx, in)
		if err != nil {
			return problem("DescribeListeners", err)
		}
		add(page.Listeners)
		if in.Marker = page.NextMarker; in.Marker == nil {
			break
		}
	}
	for _, arn := range before {
		if slices.Contains(b.Listeners, arn) {
			continue
		}
		page, err := a.clients.ELBV2.DescribeListeners(ctx, &elbv2.DescribeListenersInput{ListenerArns: []string{arn}})
		exists := err == nil && len(page.Listeners) > 0
		if _, err = absence.OfRead(exists, missing(err), err); err != nil {
			return fmt.Errorf("looking whether %s, which the list lacks, exists: %w", arn, err)
		}
		if exists {
			add(page.Listeners)
		}
	}
	if len(b.Ports) == 0 {
		b.PortProblem = "it has no listeners"
	}
	return nil
}

// problem is the error of a call as findings phrase it.
func problem(operation string, err error) error {
	d := awsclient.Problem(operation, err)
	return fmt.Errorf("%s", d.Text)
}
