package inventory_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestFactsDescribeTheNetwork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := f.answer(facts.Need{Kind: facts.NeedVPC}, facts.Need{Kind: facts.NeedSubnets},
		facts.Need{Kind: facts.NeedRoutes}, facts.Need{Kind: facts.NeedCertificates},
		facts.Need{Kind: facts.NeedForeignSubnet, Key: "subnet-00000000000000bad"}, facts.Need{Kind: facts.NeedForeignSubnet,
			Key: "subnet-0a1de0000000000a1"},
		facts.Need{Kind: facts.NeedForeignGroup, Key: "sg-00000000000000bad"}, facts.Need{Kind: facts.NeedForeignGroup,
			Key: webGroup},
		facts.Need{Kind: facts.NeedTargetGroupName, Key: "nobody"}, facts.Need{Kind: facts.NeedSecurityGroups})
	if got.VPC == nil || !slices.Equal(got.VPC.CIDRs, []string{"10.0.0.0/16"}) || len(got.VPC.IPv6CIDRs) != 1 {
		t.Errorf("VPC %+v", got.VPC)
	}
	public, private := got.Subnets["subnet-0a1de0000000000a1"], got.Subnets["subnet-0a1de0000000000a2"]
	if len(got.Subnets) != 7 || !got.Routes || !public.Public || private.Public || public.Zone != "us-west-2a" ||
		public.Locale != facts.AvailabilityZone ||
		public.Tags["kubernetes.io/role/elb"] != "1" || public.AvailableIPs == 0 || len(public.IPv6CIDRs) != 1 {
		t.Errorf("subnets %+v", got.Subnets)
	}
	c := got.Certificates["arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"]
	if len(got.Certificates) != 3 || c.Status != "ISSUED" ||
		!slices.Equal(c.Domains, []string{"example.com", "*.example.com"}) {
		t.Errorf("certificates %+v", got.Certificates)
	}
	if s, ok := got.ForeignSubnets["subnet-00000000000000bad"]; !ok || s != nil {
		t.Error("a subnet that does not exist must be known not to")
	}
	if s := got.ForeignSubnets["subnet-0a1de0000000000a1"]; s == nil || s.VPC != vpc {
		t.Errorf("foreign subnet %+v", s)
	}
	if g, ok := got.ForeignGroups["sg-00000000000000bad"]; !ok || g != nil {
		t.Error("a group that does not exist must be known not to")
	}
	if g := got.ForeignGroups[webGroup]; g == nil || g.Tags["Name"] != "demo-web" {
		t.Errorf("foreign group %+v", g)
	}
	if tg, ok := got.TargetGroups["nobody"]; !ok || tg != nil {
		t.Error("a target group that does not exist must be known not to")
	}
	if got.SecurityGroups[nodeGroup].Name == "" {
		t.Errorf("groups %+v", got.SecurityGroups)
	}
}

// associating is an EC2 in which the IPv6 range of one subnet is on its way, and that of another one on its way out.
type associating struct{ awsclient.EC2 }

func (e associating) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput, opts ...func(*ec2.Options)) (
	*ec2.DescribeSubnetsOutput, error) {
	out, err := e.EC2.DescribeSubnets(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	states := map[string]ec2types.SubnetCidrBlockStateCode{
		"subnet-0a1de0000000000a1": ec2types.SubnetCidrBlockStateCodeAssociating,
		"subnet-0a1de0000000000b1": ec2types.SubnetCidrBlockStateCodeDisassociating,
	}
	for i := range out.Subnets {
		if state, ok := states[*out.Subnets[i].SubnetId]; ok {
			out.Subnets[i].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlockState.State = state
		}
	}
	return out, nil
}

func TestAnIPv6RangeCountsOnceItIsAssociated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: associating{f.sim.Compute}, ACM: f.sim.Trust,
		STS: f.sim.Identity},
		f.config())
	got := f.answer(facts.Need{Kind: facts.NeedSubnets})
	for id, n := range map[string]int{"subnet-0a1de0000000000a1": 0, "subnet-0a1de0000000000b1": 0,
		"subnet-0a1de0000000000c1": 1} {
		if ranges := got.Subnets[id].IPv6CIDRs; len(ranges) != n {
			t.Errorf("%s has %v", id, ranges)
		}
	}
}

func TestAnAbsenceIsBelievedBriefly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	need := facts.Need{Kind: facts.NeedTargetGroupName, Key: "mine"}
	if f.answer(need).TargetGroups["mine"] != nil {
		t.Fatal("exists")
	}
	f.balancer("mine", nil)
	f.reads()
	if f.answer(need).TargetGroups["mine"] != nil || len(f.reads()) > 0 {
		t.Error("the absence was not cached")
	}
	f.clock.Advance(20 * time.Second)
	if tg := f.answer(need).TargetGroups["mine"]; tg == nil || tg.TargetType != "ip" || tg.Protocol != "HTTP" {
		t.Errorf("%+v", tg)
	}
}

func TestAnswersAgeAndCanBeForgotten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	subnets, groups := facts.Need{Kind: facts.NeedSubnets}, facts.Need{Kind: facts.NeedSecurityGroups}
	f.answer(subnets, groups)
	f.reads()
	f.clock.Advance(11 * time.Minute)
	f.answer(subnets, groups)
	if diff := cmp.Diff(map[string]int{"DescribeSubnets": 1, "DescribeSecurityGroups": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
	f.inv.InvalidateFacts(subnets, groups)
	f.answer(subnets, groups)
	if diff := cmp.Diff(map[string]int{"DescribeSubnets": 1, "DescribeSecurityGroups": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedReadIsTheAnswerToItsNeedsOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "ListCertificates", Code: "AccessDeniedException",
		Status: 403}); err != nil {
		t.Fatal(err)
	}
	got, err := f.inv.Answer(t.Context(), []facts.Need{{Kind: facts.NeedCertificates}, {Kind: facts.NeedSubnets}})
	if err != nil || got.Subnets == nil || got.Certificates != nil {
		t.Errorf("%+v %v", got, err)
	}
	var d diag.Diagnostic
	if !errors.As(got.Errors[facts.Need{Kind: facts.NeedCertificates}], &d) || d.Code != diag.AccessDenied ||
		len(got.Errors) != 1 {
		t.Errorf("errors %v", got.Errors)
	}
}

func TestAnOldAnswerServesWhileAWSDoesNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.answer(facts.Need{Kind: facts.NeedSubnets})
	f.clock.Advance(time.Hour)
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "DescribeSubnets", Code: "RequestLimitExceeded",
		Status: 503}); err != nil {
		t.Fatal(err)
	}
	if got := f.answer(facts.Need{Kind: facts.NeedSubnets}); len(got.Subnets) != 7 {
		t.Errorf("%+v", got.Subnets)
	}
}

func TestTrustStoresAreFoundByNameWithOneRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	create := func(name string) string {
		f.sim.Account.Lock()
		err := f.sim.Account.Buckets.Put("pki", "ca.pem", f.authority())
		f.sim.Account.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.sim.Balancing.CreateTrustStore(t.Context(), &elbv2.CreateTrustStoreInput{
			Name: aws.String(name), CaCertificatesBundleS3Bucket: aws.String("pki"),
			CaCertificatesBundleS3Key: aws.String("ca.pem")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.TrustStores[0].TrustStoreArn
	}
	need := func(name string) facts.Need { return facts.Need{Kind: facts.NeedTrustStore, Key: name} }
	a, b := create("a"), create("b")
	f.reads()
	for range 2 {
		got := f.answer(need("a"), need("b")).TrustStores
		if d := cmp.Diff(map[string]string{"a": a, "b": b}, got); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff(map[string]int{"DescribeTrustStores": 1}, f.reads()); d != "" {
		t.Error(d)
	}
	if got := f.answer(need("later")).TrustStores; got["later"] != "" {
		t.Errorf("%v", got)
	}
	later := create("later")
	f.clock.Advance(16 * time.Second) // an absence is believed briefly
	if got := f.answer(need("later"), need("a")).TrustStores; got["later"] != later || got["a"] != a {
		t.Errorf("%v", got)
	}
	f.clock.Advance(time.Second)
	if now := create("now"); f.answer(need("now")).TrustStores["now"] != now {
		t.Error("a trust store that was made since the list is not found by the first who names it")
	}
	f.reads()
	f.clock.Advance(time.Second)
	if f.answer(need("none")); f.reads()["DescribeTrustStores"] != 1 {
		t.Error("a name that is wanted first does not cost one read")
	}
	f.clock.Advance(time.Second)
	if f.answer(need("none")); f.reads()["DescribeTrustStores"] != 0 {
		t.Error("a name that is missing costs a read each time")
	}
}

func (f *fixture) authority() []byte {
	f.Helper()
	text, err := f.sim.Account.Authority().PEM()
	if err != nil {
		f.Fatal(err)
	}
	return text
}

func TestAnOldAnswerAboutWhatIsOutsideTheVPCServesWhileAWSDoesNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	subnet, group := facts.Need{Kind: facts.NeedForeignSubnet, Key: "subnet-0a1de0000000000a1"},
		facts.Need{Kind: facts.NeedForeignGroup, Key: webGroup}
	absent := facts.Need{Kind: facts.NeedForeignGroup, Key: "sg-00000000000000bad"}
	f.answer(subnet, group, absent)
	for _, action := range []string{"DescribeSubnets", "DescribeSecurityGroups"} {
		if _, err := f.sim.Gate.AddFault(gate.Fault{ID: action, Action: action, Code: "RequestLimitExceeded",
			Status: 503}); err != nil {
			t.Fatal(err)
		}
	}
	f.clock.Advance(time.Hour)
	got := f.answer(subnet, group, absent)
	if got.ForeignSubnets[subnet.Key] == nil || got.ForeignGroups[group.Key] == nil ||
		got.ForeignGroups[absent.Key] != nil {
		t.Errorf("%+v", got)
	}
	for _, unknown := range []facts.Need{{Kind: facts.NeedForeignSubnet, Key: "subnet-0a1de0000000000b1"},
		{Kind: facts.NeedForeignGroup, Key: nodeGroup}} {
		got, err := f.inv.Answer(t.Context(), []facts.Need{unknown, subnet, group})
		if err != nil || got.Errors[unknown] == nil {
			t.Errorf("%v is answered by %+v %v", unknown, got, err)
		}
	}
	for _, action := range []string{"DescribeSubnets", "DescribeSecurityGroups"} {
		if _, err := f.sim.Gate.AddFault(gate.Fault{ID: action, Action: action, Code: "UnauthorizedOperation",
			Status: 403}); err != nil {
			t.Fatal(err)
		}
	}
	f.clock.Advance(15 * time.Second) // after a failure it is read again
	if got, err := f.inv.Answer(t.Context(), []facts.Need{subnet, group}); err != nil || got.Errors[subnet] == nil ||
		got.Errors[group] == nil {
		t.Errorf("what may not be read is answered by %+v %v", got, err)
	}
}

// lateSubnets lets something happen between a listing of subnets and the arrival of the answer.
type lateSubnets struct {
	awsclient.EC2
	meanwhile func()
}

func (l *lateSubnets) DescribeSubnets(ctx context.Context, in *ec2.DescribeSubnetsInput, o ...func(*ec2.Options)) (
	*ec2.DescribeSubnetsOutput, error) {
	out, err := l.EC2.DescribeSubnets(ctx, in, o...)
	if f := l.meanwhile; f != nil {
		l.meanwhile = nil
		f()
	}
	return out, err
}

func TestAnAnswerThatIsForgottenWhileItIsReadIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	need := facts.Need{Kind: facts.NeedSubnets}
	l := &lateSubnets{EC2: f.sim.Compute}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: l}, inventory.Config{Cluster: cluster, VPC: vpc,
		Now: f.clock.Now, AddOnTimeout: time.Minute})
	l.meanwhile = func() { f.inv.InvalidateFacts(need) } // AWS has just said that a subnet is gone
	f.answer(need)
	f.reads()
	for _, want := range []int{1, 0} {
		f.answer(need)
		if got := f.reads()["DescribeSubnets"]; got != want {
			t.Errorf("%d reads, want %d", got, want)
		}
	}
}

// TestTrustStoresOfStacksAreNotFoundByName has an object name the trust store of a Gateway, which AWS would not delete
// then.
func TestTrustStoresOfStacksAreNotFoundByName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	want := map[string]string{"k8s-shop-gw-0123456789": "", "k8s-of-a-user": ""}
	f.sim.Account.Lock()
	err := f.sim.Account.Buckets.Put("pki", "ca.pem", f.authority())
	f.sim.Account.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		in := &elbv2.CreateTrustStoreInput{Name: aws.String(name), CaCertificatesBundleS3Bucket: aws.String("pki"),
			CaCertificatesBundleS3Key: aws.String("ca.pem")}
		if name == "k8s-shop-gw-0123456789" {
			key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "gw"}}
			for k, v := range naming.Tracking(key.Owner, cluster, key.ID.String(), "TrustStore:443") {
				in.Tags = append(in.Tags, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
			}
		}
		out, err := f.sim.Balancing.CreateTrustStore(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Tags) == 0 {
			want[name] = *out.TrustStores[0].TrustStoreArn
		}
	}
	for range 2 {
		got := f.answer(facts.Need{Kind: facts.NeedTrustStore, Key: "k8s-shop-gw-0123456789"},
			facts.Need{Kind: facts.NeedTrustStore, Key: "k8s-of-a-user"}).TrustStores
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}
