package accounts

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// without is a policy without actions.
func without(d iampolicy.Document, actions ...string) iampolicy.Document {
	out := iampolicy.Document{Version: d.Version}
	for _, s := range d.Statement {
		s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return slices.Contains(actions, a) })
		if len(s.Action) > 0 {
			out.Statement = append(out.Statement, s)
		}
	}
	return out
}

// unlimited is a policy that allows everything.
var unlimited = iampolicy.Document{Version: "2012-10-17", Statement: []iampolicy.Statement{
	{Effect: "Allow", Action: []string{"*"}, Resource: iampolicy.Values{"*"}}}}

// attached is a policy that a controller runs with.
type attached struct {
	name      string
	partition string // of the account
	policy    iampolicy.Document
	lacks     []string // actions of which calls are denied
	tries     int      // at most, of an action in a quarter of an hour; 0 = 60
	affects   []string // parts of the names of load balancers, target groups and certificates that need what is lacking
}

// run lets the cluster live under the policy. Each denied action is named on the object that needs it, together with
// its remedy, the calls are few, what does not need the action goes on, nothing that is kept without trouble is made
// anew, and once everything is allowed the account gets what it lacks, without a restart.
func (x *life) run(t *testing.T, p attached) {
	t.Helper()
	var r *lab.Role
	l := x.lab(t, func(l *lab.Lab) {
		l.Sim.Account.Partition = p.partition
		r = l.Hold(p.policy)
	})
	for n, stage := range x.stages {
		calm := x.calm(t)[n]
		before, from := l.Identities(), len(l.Events)
		r.Denied = map[string]int{}
		stage.Does(l)
		r.During(func() { x.wait(l, 15*time.Minute) })
		said := strings.Join(l.Events[from:], "\n")
		for action, times := range r.Denied {
			_, name, _ := strings.Cut(action, ":")
			switch {
			case !slices.Contains(p.lacks, action):
				t.Errorf("%s: %s is denied:\n%s", stage.Name, action, said)
			case times > cmp.Or(p.tries, 60):
				t.Errorf("%s: %s is tried %d times in a quarter of an hour", stage.Name, action, times)
			case !strings.Contains(said, remedyOf(action)) && !lab.Silent[name] && !lab.Silent[stage.Name+" "+name]:
				t.Errorf("%s: no event names %s:\n%s", stage.Name, action, said)
			}
		}
		now := l.Account()
		for line := range strings.SplitSeq(lab.LinesApart(now, calm.account), "\n") {
			if line != "" && !p.affected(line, now+"\n"+calm.account) {
				t.Errorf("%s: the account (+) is not as with all rights (-): %s\n%s", stage.Name, line, said)
			}
		}
		judgeKept(l, stage.Name, calm.kept, before)
		if len(r.Denied) == 0 {
			continue
		}
		r.Change(unlimited)
		r.During(func() { x.wait(l, 20*time.Minute) })
		l.JudgeAccount(stage.Name+", healed", calm.account)
		judgeKept(l, stage.Name+", healed", calm.kept, before)
		r.Change(p.policy)
	}
}

// remedyOf is what the report of a denied action says is to be done.
func remedyOf(action string) string {
	return "allow the controller's role the action " + action + " (" +
		iampolicy.StatementsByAction()[action] + " of lbc iam-policy)"
}

// affected reports whether a line of an account is about what needs lacking actions: by its names, or as a target of
// such a target group.
func (p attached) affected(line, accounts string) bool {
	names := func(s string) bool {
		return slices.ContainsFunc(p.affects, func(name string) bool { return strings.Contains(s, name) })
	}
	group, _, ok := strings.Cut(strings.TrimLeft(line, "+- "), ": target ")
	if !ok {
		return names(line)
	}
	for other := range strings.SplitSeq(accounts, "\n") {
		if strings.HasPrefix(other, group+": ") && names(other) {
			return true
		}
	}
	return false
}

// judgeKept holds that what stays without trouble is not made anew.
func judgeKept(l *lab.Lab, stage string, kept map[string]bool, before map[string]string) {
	l.Helper()
	now := l.Identities()
	for name := range kept {
		if before[name] != now[name] {
			l.Errorf("%s: %s was %q, and is %q", stage, name, before[name], now[name])
		}
	}
}

var (
	// uploads are the actions of trust stores that the controller makes, which no published policy has.
	uploads = []string{"elasticloadbalancing:CreateTrustStore", "elasticloadbalancing:ModifyTrustStore",
		"elasticloadbalancing:DeleteTrustStore", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"}
	// isolated are the actions that the policies of isolated partitions lack.
	isolated = []string{"elasticloadbalancing:DescribeTrustStores", "elasticloadbalancing:DescribeListenerAttributes",
		"elasticloadbalancing:ModifyListenerAttributes",
		"elasticloadbalancing:DescribeCapacityReservation", "elasticloadbalancing:ModifyCapacityReservation"}
	// unpublished are the actions of features of this controller, which no published policy has, and what needs them.
	unpublished = slices.Concat([]string{"wafv2:ListWebACLs", "acm:ImportCertificate",
		"elasticloadbalancing:DescribeAccountLimits", "ec2:DescribeManagedPrefixLists"}, uploads)
	// the backend group stays with a Gateway that cannot go
	needingUnpublished = []string{"guarded", "sealed", "again", "-web-", "k8s-traffic-"}
)

// TestAClusterLivesUnderThePoliciesOfEachPartition lives both lives under both policies of each partition if every
// fault is tried; else in aws, and in the others the life of the rest under the smallest policy, since their policies
// differ from those of aws by their ARNs, and in one of the isolated ones both lives under the standard policy.
func TestAClusterLivesUnderThePoliciesOfEachPartition(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(6)
	for _, p := range iampolicy.Partitions {
		smallest := attached{name: "the smallest of " + p.Name, partition: p.Name}
		standard := attached{name: "the standard one of " + p.Name, partition: p.Name,
			policy: lab.Besides(iampolicy.Standard(p.Name), iampolicy.Certificates(p.Name)),
			lacks:  unpublished, affects: needingUnpublished}
		if strings.HasPrefix(p.Name, "aws-iso") {
			smallest.lacks, smallest.affects = isolated, []string{"guarded", "-web-"}
			standard.lacks = slices.Concat(standard.lacks, isolated)
		}
		for n, x := range lives {
			whole := p.Name == "aws"
			if (whole || n == 1) && chosen.Next() {
				smallest.policy = x.smallest(t, p.Name)
				liveUnder(t, x, smallest)
			}
			if (whole || p.Name == "aws-iso-f") && chosen.Next() {
				liveUnder(t, x, standard)
			}
		}
	}
}

// liveUnder lives a life under a policy beside others.
func liveUnder(t *testing.T, x *life, p attached) {
	t.Helper()
	t.Run(p.name+", "+x.name, func(t *testing.T) {
		t.Parallel()
		x.run(t, p)
	})
}

// TestOlderPolicyLacksOnlyWhatNeedsNewerActions has policies that were attached long ago,
// without what later features need. Unless every fault is tried, each is tried in the life that needs those actions.
func TestOlderPolicyLacksOnlyWhatNeedsNewerActions(t *testing.T) {
	t.Parallel()
	current := lab.Besides(iampolicy.Standard("aws"), iampolicy.Certificates("aws"))
	chosen := sample.OneOf(10)
	for _, p := range []struct {
		attached
		in int // of lives
	}{
		{attached{name: "without trust stores", lacks: []string{"elasticloadbalancing:DescribeTrustStores"}}, 0},
		{attached{name: "without attributes of listeners", lacks: []string{"elasticloadbalancing:DescribeListenerAttributes",
			"elasticloadbalancing:ModifyListenerAttributes"}}, 0},
		{attached{name: "without writing attributes of listeners", lacks: []string{
			"elasticloadbalancing:ModifyListenerAttributes"}, affects: []string{"shop-web-"}}, 0},
		{attached{name: "without capacity", lacks: []string{"elasticloadbalancing:DescribeCapacityReservation",
			"elasticloadbalancing:ModifyCapacityReservation"}}, 0},
		{attached{name: "without pools of addresses", affects: []string{"outpost"},
			lacks: []string{"elasticloadbalancing:ModifyIpPools", "ec2:DescribeIpamPools", "ec2:DescribeCoipPools",
				"ec2:GetCoipPoolUsage"}}, 1},
		{attached{name: "without route tables", lacks: []string{"ec2:DescribeRouteTables"}, affects: []string{
			"login", "borrowed", "front", "6703f25e68", "edge", "web", "security group pods"}}, 1},
		{attached{name: "without security groups of others", lacks: []string{"ec2:GetSecurityGroupsForVpc"},
			affects: []string{"borrowed"}}, 1},
		{attached{name: "without priorities of rules", lacks: []string{"elasticloadbalancing:SetRulePriorities"},
			affects: []string{"shop-web-"}}, 0},
		{attached{name: "without tags of listeners and rules", policy: withoutStatement(current, tagsListeners),
			lacks: tagging, tries: perResource, affects: everything}, 1},
		{attached{name: "without tags at creation", policy: withoutStatement(current, tagsCreated), lacks: tagging,
			tries: perResource, affects: everything}, 1},
	} {
		if p.partition = "aws"; p.policy.Statement == nil {
			p.policy = without(current, p.lacks...)
		}
		p.lacks, p.affects = slices.Concat(p.lacks, unpublished), slices.Concat(p.affects, needingUnpublished)
		for n, x := range lives {
			if n == p.in && chosen.Next() {
				liveUnder(t, x, p.attached)
			}
		}
	}
}

// Statements of the standard policy that came later than others, by their index.
const tagsListeners, tagsCreated = 11, 13

// perResource are the attempts where each load balancer, target group, listener and rule lacks an action.
const perResource = 250

var (
	// everything is part of each name.
	everything = []string{""}
	tagging    = []string{"elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"}
)

// withoutStatement is a policy without one of its statements.
func withoutStatement(d iampolicy.Document, n int) iampolicy.Document {
	return iampolicy.Document{Version: d.Version, Statement: slices.Delete(slices.Clone(d.Statement), n, n+1)}
}

// restDenials are the actions that only the life of the rest needs, with the parts of names of what waits for them.
var restDenials = map[string]struct {
	affects []string
	often   bool // in every run; others are like one of these
}{
	"cognito-idp:DescribeUserPoolClient": {[]string{"login"}, true},
	"ec2:DescribeAddresses":              {[]string{"edge"}, true},
	"ec2:DescribeManagedPrefixLists":     {nil, true},
	"ec2:DescribeNetworkInterfaces":      {[]string{"security group pods"}, true},
	// an older policy lacks it
	"ec2:DescribeRouteTables": {[]string{"login", "borrowed", "front", "6703f25e68", "edge", "web",
		"security group pods"}, false},
	"elasticloadbalancing:DescribeAccountLimits": {nil, true},
	"elasticloadbalancing:CreateTrustStore":      {[]string{"-web-"}, true},
	// the backend group stays with a Gateway that cannot go
	"elasticloadbalancing:DeleteTrustStore": {[]string{"-web-", "k8s-traffic-"}, true},
	"elasticloadbalancing:ModifyTrustStore": {[]string{"-web-"}, false},
	"s3:DeleteObject":                       {[]string{"-web-", "k8s-traffic-"}, false},
	"s3:GetObject":                          {[]string{"-web-"}, false},
	"s3:PutObject":                          {[]string{"-web-"}, true},
}

// TestEachActionThatTheFirstLifeDoesNotNeedMayBeDenied denies what TestEachOperationInTurnMayBeDeniedFailOrBeThrottled
// cannot.
func TestEachActionThatTheFirstLifeDoesNotNeedMayBeDenied(t *testing.T) {
	t.Parallel()
	for action := range lab.Uncalled {
		// uncalled says where these are
		if _, denied := restDenials[action]; !denied && action != "sts:GetCallerIdentity" && action != "sts:AssumeRole" &&
			action != "tag:GetResources" && action != "elasticloadbalancing:DescribeSSLPolicies" {
			t.Errorf("%s is denied in no life", action)
		}
	}
	full := lives[1].smallest(t, "aws")
	chosen := sample.OneOf(4)
	for _, action := range slices.Sorted(maps.Keys(restDenials)) {
		d := restDenials[action]
		if lab.Uncalled[action] == "" {
			t.Errorf("%s is denied in the first life", action)
		}
		if d.often && chosen.Next() {
			liveUnder(t, lives[1], attached{name: action, partition: "aws", policy: without(full, action), lacks: []string{
				action}, affects: d.affects})
		}
	}
}

// TestBindingsOfUsersLiveUnderThePolicyForThem has TargetGroupBindings alone, without rules of security groups. What is
// left of load balancers is looked for in vain.
func TestBindingsOfUsersLiveUnderThePolicyForThem(t *testing.T) {
	t.Parallel()
	var r *lab.Role
	l := lab.New(t, account.Profile{}, lab.Service("s1"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Checkpointed = true // else all that is registered when a process starts stays
	l.Restart()
	r = l.Hold(iampolicy.Bindings("aws"))
	unreleased := 0
	l.Ingresses.Backend.Failed = func(stack.Owner) { unreleased++ }
	l.Create(lab.ChaosEndpoints("s1", "a", lab.SoakAddress(1, 0))...)
	bound := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	bound.Spec.ServiceRef.Name, bound.Spec.Networking = "s1", nil
	l.Create(bound)
	holds := func(stage string, want ...string) {
		t.Helper()
		r.During(func() { l.PassWith(15 * time.Minute) })
		if got := l.TargetsOf("theirs"); !slices.Equal(got, want) {
			t.Errorf("%s: targets %v, want %v", stage, got, want)
		}
	}
	holds("created", lab.SoakAddress(1, 0)+":8080")
	l.Scale("s1", lab.SoakAddress(1, 1), lab.SoakAddress(1, 2))
	l.Crash()
	l.Restart()
	holds("edited", lab.SoakAddress(1, 1)+":8080", lab.SoakAddress(1, 2)+":8080")
	l.Drop(&v1beta1.TargetGroupBinding{}, "bound")
	holds("deleted")
	for _, action := range []string{"DescribeLoadBalancers", "DescribeTags"} { // the refusal is an answer
		delete(r.Denied, "elasticloadbalancing:"+action)
	}
	if told := l.Troubles(0); len(told) > 0 || len(r.Denied) > 0 || unreleased > 0 {
		t.Errorf("denied are %v, warnings %v, the shared group is counted as not released %d times", r.Denied,
			told, unreleased)
	}
}

// TestOnlyMigrationPolicyDeletesTargetGroupsOfVersion1 gives target groups the tags that
// version 1 of the existing controller wrote.
func TestOnlyMigrationPolicyDeletesTargetGroupsOfVersion1(t *testing.T) {
	t.Parallel()
	const action = "elasticloadbalancing:DeleteTargetGroup"
	for name, addition := range map[string]iampolicy.Document{"with the addition": iampolicy.Migration("aws"),
		"without": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"),
				lab.Service("s0"), lab.Service("s1"))
			r := l.Hold(lab.Besides(iampolicy.Standard("aws"), addition))
			for n, service := range []string{"s0", "s1"} {
				l.Create(lab.ChaosEndpoints(service, "a", lab.SoakAddress(n, 0))...)
			}
			l.Create(lab.Ingress("base", map[string]string{"target-type": "ip"}, "s0", "s1"))
			r.During(func() { l.CrashWait(5 * time.Minute) })
			groups := l.Sim.Resources().TargetGroups
			for _, tg := range groups {
				_, err := l.Sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: []string{tg.ARN},
					Tags: []elbtypes.Tag{{Key: aws.String(naming.LegacyClusterTag), Value: aws.String("demo-cluster")}}})
				l.Must(err)
				_, err = l.Sim.Balancing.RemoveTags(t.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{tg.ARN},
					TagKeys: []string{naming.ClusterTag}})
				l.Must(err)
			}
			l.Restart()
			l.Edit("base", func(i *networkingv1.Ingress) { i.Spec.Rules = lab.Ingress("x", nil, "s0").Spec.Rules })
			from := len(l.Events)
			r.During(func() { l.CrashWait(15 * time.Minute) })
			left, said := len(l.Sim.Resources().TargetGroups), strings.Join(l.Events[from:], "\n")
			if len(addition.Statement) > 0 {
				if left != 1 || len(groups) != 2 || len(r.Denied) > 0 {
					t.Errorf("%d of %d target groups are left, denied are %v:\n%s", left, len(groups), r.Denied, said)
				}
				return
			}
			if left != 2 || r.Denied[action] == 0 || !strings.Contains(said, remedyOf(action)) {
				t.Errorf("%d target groups are left, denied are %v:\n%s", left, r.Denied, said)
			}
		})
	}
}
