package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// Lifetimes of answers about load balancers.
const (
	// balancerFor is how long an answer counts. The name of a load balancer is never another one's, so that only settings
	// can have changed.
	balancerFor = time.Hour
	// problemFor is how long a name without a load balancer is not asked for again.
	problemFor = 10 * time.Second
	// maxBalancers bounds the answers; beyond it, all are forgotten.
	maxBalancers = 2000
)

// balancers are answers about load balancers, by the key of the need.
type balancers struct {
	mu    sync.Mutex
	hosts map[string]answer
}

type answer struct {
	declare.Balancer
	until time.Time
}

// Balancers answers needs. An answer that AWS does not give has a Problem; one that it gave before serves on.
func (a *Account) Balancers(ctx context.Context, needs []declare.Need) declare.Answers {
	out := declare.Answers{}
	for _, n := range needs {
		out[n.Key()] = a.balancer(ctx, n)
	}
	return out
}

func (a *Account) balancer(ctx context.Context, n declare.Need) declare.Balancer {
	b, now, key := &a.balancers, a.now(), n.Key()
	if n.Listeners {
		key += " with listeners"
	} else if n.Settings {
		key += " with settings"
	}
	b.mu.Lock()
	before, known := b.hosts[key]
	b.mu.Unlock()
	if known && now.Before(before.until) {
		return before.Balancer
	}
	found, err := a.look(ctx, n)
	until := now.Add(balancerFor)
	if err != nil {
		found, until = declare.Balancer{Problem: err.Error()}, now.Add(problemFor)
		if unknown := (*unknownOwnerError)(nil); errors.As(err, &unknown) {
			found.OwnerProblem = err.Error()
		}
		if known && before.Problem == "" {
			found = before.Balancer
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.hosts) >= maxBalancers {
		clear(b.hosts)
	}
	b.hosts[key] = answer{found, until}
	return found
}

// NameOf is the name of the load balancer in its DNS name: internal-NAME-HASH.REGION.elb.amazonaws.com,
// NAME-HASH.elb.REGION.amazonaws.com, perhaps after "dualstack.". "" = it is not one.
func NameOf(host string) string {
	host = strings.TrimPrefix(strings.ToLower(host), "dualstack.")
	label, rest, _ := strings.Cut(host, ".")
	at := strings.LastIndexByte(label, '-')
	if at < 1 || !strings.Contains(rest, "elb.") {
		return ""
	}
	return strings.TrimPrefix(label[:at], "internal-")
}

// look asks AWS for one load balancer.
func (a *Account) look(ctx context.Context, n declare.Need) (declare.Balancer, error) {
	owner, err := a.ownerOf(ctx, n.ARN)
	if err != nil {
		return declare.Balancer{}, err
	}
	ofGroup := owner != stack.Key{} && owner.ID.Namespace == ""
	if n.ARN != "" && !n.Settings && !ofGroup {
		return declare.Balancer{ARN: n.ARN, Owner: owner}, nil
	}
	in := &elbv2.DescribeLoadBalancersInput{}
	name := NameOf(n.Host)
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
			fmt.Errorf("AWS is still making the load balancer %s, and takes it as an endpoint once it is active",
				aws.ToString(found.LoadBalancerName))
	}
	if n.ARN == "" { // whose it is matters here, too: whoever may write the status of an object chooses the name
		if owner, err = a.ownerOf(ctx, aws.ToString(found.LoadBalancerArn)); err != nil {
			return declare.Balancer{}, err
		}
	}
	out := declare.Balancer{
		ARN: aws.ToString(found.LoadBalancerArn), Owner: owner, Network: found.Type == elbv2types.LoadBalancerTypeEnumNetwork,
		SecurityGroups: len(found.SecurityGroups) > 0,
		DualStack:      strings.HasPrefix(string(found.IpAddressType), "dualstack"),
		Internal:       found.Scheme == elbv2types.LoadBalancerSchemeEnumInternal,
	}
	if n.Listeners {
		err := a.lookListeners(ctx, &out)
		return out, err
	}
	return out, nil
}

// ownerOf is the stack of this cluster to which a load balancer belongs by its tags; zero = to none. AWS shows the tags
// of load balancers of this account only.
func (a *Account) ownerOf(ctx context.Context, arn string) (stack.Key, error) {
	if arn == "" {
		return stack.Key{}, nil
	}
	if a.KnownOwner != nil {
		if key, known := a.KnownOwner(arn); known {
			return key, nil
		}
	}
	got, err := a.clients.ELBV2.DescribeTags(ctx, &elbv2.DescribeTagsInput{ResourceArns: []string{arn}})
	if err != nil {
		if awsclient.Passing(err) {
			return stack.Key{}, &unknownOwnerError{problem("DescribeTags", err)}
		}
		return stack.Key{}, nil
	}
	if len(got.TagDescriptions) == 0 { // AWS describes also what has no tags
		return stack.Key{}, &unknownOwnerError{problem("DescribeTags", errors.New("AWS answered without the tags"))}
	}
	for _, d := range got.TagDescriptions {
		if key, _, ours := naming.StackOf(a.config.Cluster, arn, awsclient.BalancingPairs(d.Tags)); ours {
			return key, nil
		}
	}
	return stack.Key{}, nil
}

// unknownOwnerError is the error of a look at a load balancer of which AWS does not show at this moment whose it is.
type unknownOwnerError struct{ error }

func (a *Account) lookListeners(ctx context.Context, b *declare.Balancer) error {
	in := &elbv2.DescribeListenersInput{LoadBalancerArn: aws.String(b.ARN)}
	for {
		page, err := a.clients.ELBV2.DescribeListeners(ctx, in)
		if err != nil {
			return problem("DescribeListeners", err)
		}
		for _, l := range page.Listeners {
			b.AddPort(string(l.Protocol), aws.ToInt32(l.Port))
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			break
		}
	}
	if len(b.Ports) == 0 {
		b.PortProblem = "it has no listeners"
	}
	return nil
}

// problem is the error of a call in the words of findings.
func problem(operation string, err error) error {
	d := awsclient.Problem(operation, err)
	return fmt.Errorf("%s", d.Text)
}
