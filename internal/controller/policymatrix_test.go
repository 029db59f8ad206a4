package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/iampolicy"
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

// identities are the ARNs of load balancers and target groups by name.
func (l *lab) identities() map[string]string {
	out := map[string]string{}
	r := l.sim.Resources()
	for _, lb := range r.LoadBalancers {
		out["load balancer "+lb.Name] = lb.ARN
	}
	for _, tg := range r.TargetGroups {
		out["target group "+tg.Name] = tg.ARN
	}
	return out
}

// unlimited is a policy that allows everything.
var unlimited = iampolicy.Document{Version: "2012-10-17", Statement: []iampolicy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: iampolicy.Values{"*"}}}}

// attached is a policy that a controller runs with.
type attached struct {
	name      string
	partition string // of the account
	policy    iampolicy.Document
	lacks     []string // actions of which calls are denied
	affects   []string // parts of the names of load balancers, target groups and certificates that need what is lacking
}

// run lets the cluster live under the policy. Each denied action is named on the object that needs it, together with its remedy, the calls are
// few, what does not need the action goes on, nothing that is kept without trouble is made anew, and once everything is allowed the account
// gets what it lacks, without a restart.
func (x *life) run(t *testing.T, p attached) {
	t.Helper()
	var r *role
	l := x.lab(t, func(l *lab) {
		l.sim.Account.Partition = p.partition
		r = l.hold(p.policy)
	})
	for n, stage := range x.stages {
		calm := x.calm(t)[n]
		before, from := l.identities(), len(l.events)
		r.denied = map[string]int{}
		stage.does(l)
		r.during(func() { x.wait(l, 15*time.Minute) })
		said := strings.Join(l.events[from:], "\n")
		for action, times := range r.denied {
			_, name, _ := strings.Cut(action, ":")
			switch {
			case !slices.Contains(p.lacks, action):
				t.Errorf("%s: %s is denied:\n%s", stage.name, action, said)
			case times > 60:
				t.Errorf("%s: %s is tried %d times in a quarter of an hour", stage.name, action, times)
			case !strings.Contains(said, "allow the controller's role the action "+action) && !silent[name] && !silent[stage.name+" "+name]:
				t.Errorf("%s: no event names %s:\n%s", stage.name, action, said)
			}
		}
		now := l.account()
		for line := range strings.SplitSeq(linesApart(now, calm.account), "\n") {
			if line != "" && !p.affected(line, now+"\n"+calm.account) {
				t.Errorf("%s: the account (+) is not as with all rights (-): %s\n%s", stage.name, line, said)
			}
		}
		l.judgeKept(stage.name, calm.kept, before)
		if len(r.denied) == 0 {
			continue
		}
		r.change(unlimited)
		r.during(func() { x.wait(l, 20*time.Minute) })
		l.judgeAccount(stage.name+", healed", calm.account)
		l.judgeKept(stage.name+", healed", calm.kept, before)
		r.change(p.policy)
	}
}

// affected reports whether a line of an account is about what needs lacking actions: by its names, or as a target of such a target group.
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
func (l *lab) judgeKept(stage string, kept map[string]bool, before map[string]string) {
	l.Helper()
	now := l.identities()
	for name := range kept {
		if before[name] != now[name] {
			l.Errorf("%s: %s was %q, and is %q", stage, name, before[name], now[name])
		}
	}
}

// besides is a policy with another one attached besides.
func besides(d, other iampolicy.Document) iampolicy.Document {
	return iampolicy.Document{Version: d.Version, Statement: slices.Concat(d.Statement, other.Statement)}
}

var (
	// uploads are the actions of trust stores that the controller makes, which no published policy has.
	uploads = []string{"elasticloadbalancing:CreateTrustStore", "elasticloadbalancing:ModifyTrustStore", "elasticloadbalancing:DeleteTrustStore", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"}
	// isolated are the actions that the policies of isolated partitions lack.
	isolated = []string{"elasticloadbalancing:DescribeTrustStores", "elasticloadbalancing:DescribeListenerAttributes", "elasticloadbalancing:ModifyListenerAttributes",
		"elasticloadbalancing:DescribeCapacityReservation", "elasticloadbalancing:ModifyCapacityReservation"}
	// unpublished are the actions of features of this controller, which no published policy has, and what needs them.
	unpublished        = slices.Concat([]string{"wafv2:ListWebACLs", "acm:ImportCertificate"}, uploads)
	needingUnpublished = []string{"guarded", "sealed", "again", "-web-", "k8s-traffic-"} // the backend group stays with a Gateway that cannot go
)

func TestAClusterLivesUnderThePoliciesOfEachPartition(t *testing.T) {
	t.Parallel()
	var all []attached
	for _, p := range iampolicy.Partitions {
		smallest := attached{name: "the smallest of " + p.Name, partition: p.Name, policy: everyFeature(t, p.Name)}
		standard := attached{name: "the standard one of " + p.Name, partition: p.Name, policy: besides(iampolicy.Standard(p.Name), iampolicy.Certificates(p.Name)),
			lacks: unpublished, affects: needingUnpublished}
		if strings.HasPrefix(p.Name, "aws-iso") {
			smallest.lacks, smallest.affects = isolated, []string{"guarded", "-web-"}
			standard.lacks = slices.Concat(standard.lacks, isolated)
		}
		all = append(all, smallest, standard)
	}
	for _, p := range all {
		for _, x := range lives {
			t.Run(p.name+", "+x.name, func(t *testing.T) {
				t.Parallel()
				x.run(t, p)
			})
		}
	}
}

// Policies that were attached long ago lack what later features need.
func TestAClusterLivesUnderAnOlderPolicyAndLacksWhatNeedsNewerActionsOnly(t *testing.T) {
	t.Parallel()
	current := besides(iampolicy.Standard("aws"), iampolicy.Certificates("aws"))
	for name, p := range map[string]attached{
		"without trust stores":                    {lacks: []string{"elasticloadbalancing:DescribeTrustStores"}},
		"without attributes of listeners":         {lacks: []string{"elasticloadbalancing:DescribeListenerAttributes", "elasticloadbalancing:ModifyListenerAttributes"}},
		"without writing attributes of listeners": {lacks: []string{"elasticloadbalancing:ModifyListenerAttributes"}, affects: []string{"shop-web-"}},
		"without capacity":                        {lacks: []string{"elasticloadbalancing:DescribeCapacityReservation", "elasticloadbalancing:ModifyCapacityReservation"}},
		"without pools of addresses":              {lacks: []string{"elasticloadbalancing:ModifyIpPools", "ec2:DescribeIpamPools", "ec2:DescribeCoipPools", "ec2:GetCoipPoolUsage"}, affects: []string{"outpost"}},
		"without route tables":                    {lacks: []string{"ec2:DescribeRouteTables"}, affects: []string{"login", "borrowed", "edge", "web", "security group pods"}},
		"without security groups of others":       {lacks: []string{"ec2:GetSecurityGroupsForVpc"}, affects: []string{"borrowed"}},
		"without priorities of rules":             {lacks: []string{"elasticloadbalancing:SetRulePriorities"}, affects: []string{"shop-web-"}},
	} {
		p.partition, p.policy = "aws", without(current, p.lacks...)
		p.lacks, p.affects = slices.Concat(p.lacks, unpublished), slices.Concat(p.affects, needingUnpublished)
		for _, x := range lives {
			t.Run(name+", "+x.name, func(t *testing.T) {
				t.Parallel()
				x.run(t, p)
			})
		}
	}
}
