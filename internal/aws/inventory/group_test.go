package inventory_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// lateGroups lets something happen between a listing of security groups and the arrival of the answer.
type lateGroups struct {
	awsclient.EC2
	meanwhile func()
	byID      func() // the same for groups that are asked for by id
}

func (l *lateGroups) DescribeSecurityGroups(ctx context.Context, in *ec2.DescribeSecurityGroupsInput,
	o ...func(*ec2.Options)) (*ec2.DescribeSecurityGroupsOutput, error) {
	out, err := l.EC2.DescribeSecurityGroups(ctx, in, o...)
	if f := l.meanwhile; len(in.GroupIds) == 0 && f != nil {
		l.meanwhile = nil
		f()
	}
	if f := l.byID; len(in.GroupIds) > 0 && f != nil {
		l.byID = nil
		f()
	}
	return out, err
}

// listGroups lists the groups of the VPC anew, and returns them; something happens before the answer arrives.
func (f *fixture) listGroups(l *lateGroups, meanwhile func()) map[string]facts.SecurityGroup {
	f.Helper()
	l.meanwhile = meanwhile
	f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
	return f.answer(facts.Need{Kind: facts.NeedSecurityGroups}).SecurityGroups
}

func (f *fixture) late() *lateGroups {
	f.Helper()
	l := &lateGroups{EC2: f.sim.Compute}
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: l, ACM: f.sim.Trust, STS: f.sim.Identity},
		f.config())
	if err := f.inv.Load(f.Context()); err != nil {
		f.Fatal(err)
	}
	return l
}

func literally(r stack.Ref) string { return r.Literal }

func TestAListingThatBeganBeforeAGroupWasChangedDoesNotHideIt(t *testing.T) {
	t.Parallel()
	allow := []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "10.0.0.0/8"}}
	ref := stack.Literal(stack.KindSecurityGroup, nodeGroup)
	authorize := func(f *fixture) {
		if _, err := f.sim.Compute.AuthorizeSecurityGroupIngress(f.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(nodeGroup), IpPermissions: awsclient.Permissions(allow, literally)}); err != nil {
			f.Fatal(err)
		}
		f.inv.Record(key(stack.Ingress, "web"), awsop.AuthorizeSecurityGroupIngress{Group: ref, Permissions: allow},
			awsop.Output{}, literally)
	}
	rules := func(f *fixture) int {
		ps, err := f.inv.SecurityGroups().Rules(f.Context(), nodeGroup)
		if err != nil {
			f.Fatal(err)
		}
		return len(ps)
	}
	for name, meanwhile := range map[string]func(f *fixture){
		"written": authorize,
		"written and read again": func(f *fixture) {
			authorize(f)
			f.inv.SecurityGroups().ForgetRules(nodeGroup)
			rules(f)
		},
	} {
		f := newFixture(t)
		l := f.late()
		before := rules(f)
		f.listGroups(l, func() { meanwhile(f) })
		if got := rules(f); got != before+1 {
			t.Errorf("%s: %d rules, want %d", name, got, before+1)
		}
	}
}

func TestStaleListingKeepsDeletedGroupGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made, err := f.sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("web"),
		Description: aws.String("d"), VpcId: aws.String(vpc),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("web")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	id := *made.GroupId
	l := f.late()
	groups := f.listGroups(l, func() {
		if _, err := f.sim.Compute.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{
			GroupId: aws.String(id)}); err != nil {
			t.Error(err)
		}
		f.inv.Record(key(stack.Ingress, "web"), awsop.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, id)},
			awsop.Output{}, literally)
	})
	if _, there := groups[id]; there {
		t.Error("a group that was deleted is back")
	}
	if _, err := f.inv.SecurityGroups().Rules(t.Context(), id); err == nil || awsclient.Classify(err).Code !=
		awsclient.CodeGroupNotFound {
		t.Errorf("reading its rules: %v", err)
	}
}

func TestAReadOfAGroupThatBeganBeforeItWasChangedDoesNotHideIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := f.late()
	k := key(stack.Ingress, "web")
	allow := []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, Group: stack.Ref{Kind: stack.KindSecurityGroup,
		ID: "ours"}}}
	group := func(id string) stack.Ref { return stack.Literal(stack.KindSecurityGroup, id) }
	resolve := func(r stack.Ref) string {
		if r.ID == "ours" {
			return webGroup
		}
		return r.Literal
	}
	rules := func(id string) []stack.Permission {
		return must[[]stack.Permission](t)(f.inv.SecurityGroups().Rules(t.Context(), id))
	}
	before := rules(nodeGroup)
	f.inv.SecurityGroups().ForgetRules(nodeGroup)
	l.byID = func() {
		must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(f.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(),
			&ec2.AuthorizeSecurityGroupIngressInput{
				GroupId: aws.String(nodeGroup), IpPermissions: awsclient.Permissions(allow, resolve)}))
		f.inv.Record(k, awsop.AuthorizeSecurityGroupIngress{Group: group(nodeGroup), Permissions: allow},
			awsop.Output{}, resolve)
	}
	rules(nodeGroup) // as of before
	f.reads()
	if got := rules(nodeGroup); len(got) != len(before)+1 || got[len(before)].Group != group(webGroup) {
		t.Errorf("%+v, before %+v", got, before)
	}
	if rules(nodeGroup); f.reads()["DescribeSecurityGroups"] != 1 {
		t.Error("what was read in vain is to be read again, once")
	}
	f.inv.Record(k, awsop.RevokeSecurityGroupIngress{Group: group(nodeGroup), Permissions: allow}, awsop.Output{}, resolve)
	if got := rules(nodeGroup); len(got) != len(before) {
		t.Errorf("after the revocation %+v", got)
	}
	f.inv.Record(k, awsop.CreateTags{Group: group(webGroup), Tags: map[string]string{"a": "1", "b": "2"}},
		awsop.Output{}, resolve)
	f.inv.Record(k, awsop.DeleteTags{Group: group(webGroup), Keys: []string{"a"}}, awsop.Output{}, resolve)
	tags := f.answer(facts.Need{Kind: facts.NeedSecurityGroups}).SecurityGroups[webGroup].Tags
	if _, a := tags["a"]; a || tags["b"] != "2" || tags["Name"] != "demo-web" {
		t.Errorf("tags %v", tags)
	}
	f.inv.SecurityGroups().ForgetRules(webGroup)
	l.byID = func() { f.inv.Record(k, awsop.DeleteSecurityGroup{Group: group(webGroup)}, awsop.Output{}, resolve) }
	rules(webGroup)
	if _, there := f.answer(facts.Need{Kind: facts.NeedSecurityGroups}).SecurityGroups[webGroup]; there {
		t.Error("a group that was deleted is back")
	}
}

func TestGroupsOfOtherClustersAreKnownByTheirTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	group := func(name string, tags ...string) string {
		in := &ec2.CreateSecurityGroupInput{GroupName: aws.String(name), Description: aws.String("d"), VpcId: aws.String(vpc)}
		spec := ec2types.TagSpecification{ResourceType: ec2types.ResourceTypeSecurityGroup}
		for n := 0; n < len(tags); n += 2 {
			spec.Tags = append(spec.Tags, ec2types.Tag{Key: aws.String(tags[n]), Value: aws.String(tags[n+1])})
		}
		in.TagSpecifications = []ec2types.TagSpecification{spec}
		return *must[*ec2.CreateSecurityGroupOutput](t)(f.sim.Compute.CreateSecurityGroup(t.Context(), in)).GroupId
	}
	of := "kubernetes.io/cluster/" + cluster
	ours, theirs := group("ours", "elbv2.k8s.aws/cluster", cluster), group("theirs", "elbv2.k8s.aws/cluster", "another")
	shared, marked := group("shared", of, "shared"), group("marked", of, "")
	for id, want := range map[string]bool{ours: false, theirs: true, nodeGroup: false, "sg-00000000000000bad": false} {
		if got := f.inv.SecurityGroups().OfAnotherCluster(t.Context(), id); got != want {
			t.Errorf("%s is of another cluster: %t", id, got)
		}
	}
	want := []string{nodeGroup, shared}
	slices.Sort(want)
	if got := must[[]string](t)(f.inv.SecurityGroups().OfCluster(t.Context())); !slices.Equal(got, want) {
		t.Errorf("the cluster's groups are %v, want %v (not %s)", got, want, marked)
	}
	if young := group("young", "elbv2.k8s.aws/cluster", "another"); !f.inv.SecurityGroups().OfAnotherCluster(
		t.Context(), young) {
		t.Error("a group that another cluster has just made may be robbed of its rules")
	}
	f.clock.Advance(time.Hour)
	if _, err := f.sim.Gate.AddFault(gate.Fault{ID: "DescribeSecurityGroups", Action: "DescribeSecurityGroups",
		Code: "RequestLimitExceeded", Status: 503}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{ours: false, theirs: true, "sg-0123456789abcdef0": true} {
		if got := f.inv.SecurityGroups().OfAnotherCluster(t.Context(), id); got != want {
			t.Errorf("while AWS does not answer, %s is of another cluster: %t", id, got)
		}
	}
	if got := must[[]string](t)(f.inv.SecurityGroups().OfCluster(t.Context())); !slices.Equal(got, want) {
		t.Errorf("while AWS does not answer, the cluster's groups are %v", got)
	}
	f.refuse("DescribeSecurityGroups")
	if !f.inv.SecurityGroups().OfAnotherCluster(t.Context(), ours) {
		t.Error("what cannot be read may be robbed of its rules")
	}
	if got, err := f.inv.SecurityGroups().OfCluster(t.Context()); err == nil {
		t.Errorf("what cannot be read is told: %v", got)
	}
}

func TestAListingDoesNotHideWhatItsStackIsWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := f.late()
	web, other := key(stack.Ingress, "web"), key(stack.Ingress, "other")
	groups := func(k stack.Key) int {
		return len(must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil)).SecurityGroups)
	}
	groups(web)
	groups(other)
	f.inv.Invalidate(web) // by a step of a pass whose other steps go on
	f.inv.Invalidate(other)
	l.meanwhile = func() {
		var tags []ec2types.Tag
		for k, v := range tracking("web") {
			tags = append(tags, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		out := must[*ec2.CreateSecurityGroupOutput](t)(f.sim.Compute.CreateSecurityGroup(t.Context(),
			&ec2.CreateSecurityGroupInput{GroupName: aws.String("web"), Description: aws.String("d"),
				VpcId: aws.String(vpc), TagSpecifications: []ec2types.TagSpecification{
					{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: tags}}}))
		f.inv.Record(web, awsop.CreateSecurityGroup{Group: stack.SecurityGroup{ID: stack.LoadBalancerIdentity}}, awsop.Output{
			ID: *out.GroupId}, literally)
	}
	groups(other)
	if n := groups(web); n != 1 {
		t.Errorf("%d groups of the stack are known, one was made", n)
	}
}

func TestGroupsThatAreForgottenWhileTheyAreReadAreReadAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := f.late()
	var id string
	groups := f.listGroups(l, func() {
		id = *must[*ec2.CreateSecurityGroupOutput](t)(f.sim.Compute.CreateSecurityGroup(t.Context(),
			&ec2.CreateSecurityGroupInput{GroupName: aws.String("new"), Description: aws.String("d"), VpcId: aws.String(vpc)})).
			GroupId
		f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
	})
	if _, there := groups[id]; !there {
		t.Error("a group that was made before somebody asked is not known")
	}
}

func TestTheBackendGroupIsTheOneThatWasWrittenOrListedLast(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := f.late()
	web := key(stack.Ingress, "web")
	var tags []ec2types.Tag
	for k, v := range naming.BackendTracking(cluster) {
		tags = append(tags, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	create := func(name string) string {
		return *must[*ec2.CreateSecurityGroupOutput](t)(f.sim.Compute.CreateSecurityGroup(t.Context(),
			&ec2.CreateSecurityGroupInput{GroupName: &name, Description: aws.String(naming.BackendSecurityGroupDescription),
				VpcId: aws.String(vpc), TagSpecifications: []ec2types.TagSpecification{
					{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: tags}}})).GroupId
	}
	list := func(meanwhile func()) {
		f.inv.Invalidate(web)
		l.meanwhile = meanwhile
		must[awsop.Observed](t)(f.inv.Observed(t.Context(), web, nil))
	}
	list(nil)
	var id string
	list(func() {
		id = create("own")
		f.inv.Record(web, awsop.CreateSecurityGroup{Group: stack.SecurityGroup{ID: stack.BackendSecurityGroup, Shared: true}},
			awsop.Output{ID: id}, literally)
	})
	if got, ok := f.inv.SharedGroup(); !ok || got != id {
		t.Errorf("after a listing that began before the group was made: %q, want %q", got, id)
	}
	must[*ec2.DeleteSecurityGroupOutput](t)(f.sim.Compute.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{
		GroupId: &id}))
	id = create("of another process")
	list(func() {
		f.inv.Record(key(stack.Ingress, "other"), awsop.CreateTags{Group: stack.Literal(stack.KindSecurityGroup, webGroup),
			Tags: map[string]string{"a": "1"}}, awsop.Output{}, literally)
	})
	if got, ok := f.inv.SharedGroup(); !ok || got != id {
		t.Errorf("after a listing during which another group was written: %q, want %q", got, id)
	}
}

func TestBackendGroupIsNotOfUsersTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	create := func(name, description string, more map[string]string) string {
		t.Helper()
		var tags []ec2types.Tag
		all := naming.BackendTracking(cluster)
		maps.Copy(all, more)
		for k, v := range all {
			tags = append(tags, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
		return *must[*ec2.CreateSecurityGroupOutput](t)(f.sim.Compute.CreateSecurityGroup(t.Context(),
			&ec2.CreateSecurityGroupInput{GroupName: &name, Description: &description,
				VpcId: aws.String(vpc), TagSpecifications: []ec2types.TagSpecification{
					{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: tags}}})).GroupId
	}
	open := func(id string) {
		t.Helper()
		must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(f.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(),
			&ec2.AuthorizeSecurityGroupIngressInput{GroupId: &id,
				IpPermissions: []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80),
					ToPort: aws.Int32(80), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}}))
	}
	backend := func() []string {
		t.Helper()
		f.inv.InvalidateFacts(facts.Need{Kind: facts.NeedSecurityGroups})
		f.answer(facts.Need{Kind: facts.NeedSecurityGroups})
		var ids []string
		for _, g := range f.inv.SecurityGroups().Backend() {
			ids = append(ids, g.GroupID)
		}
		return ids
	}
	name := naming.BackendSecurityGroup(cluster)
	create("k8s-mal-web-0123456789", naming.ManagedSecurityGroupDescription, naming.Tracking(stack.Ingress, cluster,
		"mal/web", "ManagedLBSecurityGroup"))
	create("k8s-mal-db-0123456789", naming.ManagedSecurityGroupDescription, nil)
	opened := create(name, naming.BackendSecurityGroupDescription, nil)
	open(opened)
	if got := backend(); len(got) > 0 {
		t.Errorf("backend groups %v, want none", got)
	}
	if got := f.inv.SecurityGroups().OpenBackend(); !slices.Equal(got, []string{opened}) {
		t.Errorf("groups that are refused for their rules: %v", got)
	}
	next := f.inv.SecurityGroups().BackendName()
	if next != name+"-2" {
		t.Errorf("the next group is called %s", next)
	}
	id := create(next, naming.BackendSecurityGroupDescription, nil)
	if got := backend(); !slices.Equal(got, []string{id}) {
		t.Errorf("backend groups %v, want %s", got, id)
	}
}
