package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

var limitChecks = []Check{{
	Name: "quota", Severity: doctor.Warning,
	Needs: []doctor.Source{doctor.LoadBalancers, doctor.Listeners, doctor.TargetHealth, doctor.Limits},
	About: "The account, a load balancer or a target group uses at least 80 % of a limit of Elastic Load Balancing. The " +
		"severity is error if the limit is reached.",
	Remedy: "ask AWS for a higher limit (Service Quotas); or, for a limit of the account, share load balancers by " +
		"groups; or, for a limit of a load balancer, divide its objects among several load balancers",
	Find: usedLimits,
}, {
	Name: "quota-security-groups", Severity: doctor.Warning,
	Needs: []doctor.Source{doctor.SecurityGroups, doctor.LoadBalancers, doctor.Network, doctor.Instances},
	About: "A load balancer has the maximum number of security groups of a network interface. Or a security group of a " +
		"load balancer, of the cluster or of nodes uses at least 80 % of AWS's default limit of rules. The check does not " +
		"know the account's own limit of rules.",
	Remedy: "ask AWS for a higher limit (Service Quotas of Amazon VPC), name prefix lists or fewer address ranges " +
		"(inbound-cidrs of Ingresses, spec.loadBalancerSourceRanges of Services, sourceRanges of Gateways), or let the " +
		"controller admit all ports by one rule (--disable-restricted-sg-rules)",
	Find: usedGroups,
}, {
	Name: "quota-certificates", Severity: doctor.Warning, Needs: []doctor.Source{doctor.CertificateList},
	About: "The account has at least 80 % of the ACM certificates that AWS allows by default in a region. Or the " +
		"account has used at least 80 % of AWS's default limit of certificate imports in a year. After you delete a " +
		"certificate, AWS still counts its import.",
	Remedy: "ask AWS for a higher limit (Service Quotas of AWS Certificate Manager), delete unused certificates, or " +
		"import renewed certificates under their existing ARN",
	Find: usedCertificates,
}}

// usage is how much of a limit is used, by what.
type usage struct {
	of string
	quota.Use
}

// scarce reports whether four fifths of a limit are used.
func scarce(used, limit int) bool { return used > 0 && used*5 >= limit*4 }

func usedLimits(f *Facts) (out []doctor.Finding) {
	var all []usage
	for _, limit := range slices.Sorted(maps.Keys(f.Counts)) {
		all = append(all, usage{"account", quota.Use{Limit: limit, Used: f.Counts[limit]}})
	}
	for _, lb := range f.LoadBalancers {
		all = append(all, usesOf(f, lb)...)
	}
	for _, g := range f.TargetGroups {
		all = append(all, usage{"target group " + g.Name, quota.Use{Limit: quota.TargetsOfGroup, Used: len(g.Targets)}})
	}
	for _, u := range all {
		limit, known := f.Limits[u.Limit]
		if !known || !scarce(u.Used, limit) {
			continue
		}
		x := doctor.Finding{Object: u.of, Text: fmt.Sprintf("%d of %d of limit %s are used", u.Used, limit, u.Limit)}
		if u.Used >= limit {
			x.Severity = doctor.Error
		}
		out = append(out, x)
	}
	return out
}

// usesOf are what a load balancer uses, with the targets of its groups.
func usesOf(f *Facts, lb doctor.LoadBalancer) (out []usage) {
	name := "load balancer " + lb.Name
	has := quota.LoadBalancer{Type: lb.Type, Listeners: lb.Listeners, Rules: lb.Rules, Certificates: lb.Added}
	targets, zones := 0, map[string]int{}
	for _, g := range f.TargetGroups {
		if slices.Contains(g.LoadBalancers, lb.ARN) {
			has.TargetGroups++
			targets += len(g.Targets)
			for _, t := range g.Targets {
				zones[t.Zone]++
			}
		}
	}
	for _, u := range append(has.Uses(), quota.Use{Limit: quota.TargetsOf(lb.Type), Used: targets}) {
		out = append(out, usage{name, u})
	}
	if lb.Type == stack.Network {
		for _, zone := range slices.Sorted(maps.Keys(zones)) {
			if zone != "" {
				out = append(out, usage{name + " in " + zone, quota.Use{Limit: quota.TargetsOfNetworkZone, Used: zones[zone]}})
			}
		}
	}
	return out
}

func usedGroups(f *Facts) (out []doctor.Finding) {
	watched := map[string]bool{}
	for _, g := range f.Groups {
		watched[g.ID] = true
	}
	for _, i := range f.Instances {
		watched[i.Extended] = true
	}
	limit := cmp.Or(f.GroupLimit, quota.GroupsOfInterface.Default())
	for _, lb := range f.LoadBalancers {
		for _, id := range lb.SecurityGroups {
			watched[id] = true
		}
		if n := len(lb.SecurityGroups); n >= limit {
			out = append(out, doctor.Finding{Object: "load balancer " + lb.Name,
				Text: fmt.Sprintf("%d of %d of limit %s are used", n,
					limit, quota.GroupsOfInterface), Evidence: doctor.Evidence("", lb.SecurityGroups)})
		}
	}
	for _, g := range f.Rules {
		if !watched[g.ID] {
			continue
		}
		x, scarce := assumed("security group "+g.ID, quota.RulesOfSecurityGroup, max(g.IPv4, g.IPv6))
		if scarce && g.PrefixLists > 0 {
			x.Evidence = []string{fmt.Sprintf("%d of them are prefix lists, whose entries AWS counts", g.PrefixLists)}
		}
		if scarce {
			out = append(out, x)
		}
	}
	return out
}

// assumed is a finding about a limit whose value in the account is not known. Who uses more than AWS's default has
// more.
func assumed(object string, limit quota.Limit, used int) (x doctor.Finding, found bool) {
	usual := limit.Default()
	return doctor.Finding{Object: object,
		Text: fmt.Sprintf("%d of %d of limit %s are used, unless AWS has raised it", used,
			usual, limit)}, scarce(used, usual) && used <= usual
}

// year is the time over which imports count.
const year = 365 * 24 * time.Hour

func usedCertificates(f *Facts) (out []doctor.Finding) {
	imports := 0
	for _, t := range f.Imported {
		if !t.IsZero() && f.Now.Sub(t) < year {
			imports++
		}
	}
	for _, u := range []quota.Use{{Limit: quota.Certificates, Used: len(f.Imported)}, {Limit: quota.CertificatesInAYear,
		Used: imports}} {
		if x, found := assumed("account", u.Limit, u.Used); found {
			out = append(out, x)
		}
	}
	return out
}
