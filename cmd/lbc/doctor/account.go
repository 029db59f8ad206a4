package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/quota"
	"github.com/k8s-lbc/lbc/internal/stack"
)

var accountChecks = []Check{{
	Name: "cluster-name-differs", Severity: Error, Needs: []Source{LoadBalancers, Objects}, Skip: withoutName,
	About:  "TargetGroupBindings of this cluster name target groups that were made under another cluster name: with the configured name, the controller takes nothing of what exists for its own, and makes all of it again.",
	Remedy: "set --cluster-name (value clusterName) to the name that the tags have",
	Find:   foreignBindings,
}, {
	Name: "cluster-name-shared", Severity: Error, Needs: []Source{LoadBalancers}, Skip: withoutName,
	About:  "Load balancers or target groups in another VPC have the tag of this cluster's name: another cluster of the account has the same name, and the controllers may delete each other's resources.",
	Remedy: "give one of the clusters another name before it has load balancers; --cluster-name need not be the name in EKS",
	Find:   sharedName,
}, {
	Name: "orphaned", Severity: Warning, Needs: []Source{LoadBalancers, Network, Objects}, Skip: withoutName,
	About:  "A load balancer, target group or security group has the cluster's tags, and no object declares it: it was left by a deletion that did not end, and it costs money.",
	Remedy: "delete it in AWS, or create the object that its tags name and delete that while the controller runs; what an object has just left may still be on its way",
	Find:   orphans,
}, {
	Name: "quota", Severity: Warning, Needs: []Source{LoadBalancers, Listeners, TargetHealth, Limits},
	About:  "A limit of the account is used by four fifths or more; an error if it is reached.",
	Remedy: "ask AWS for more (Service Quotas), share load balancers by groups, or split what one load balancer serves",
	Find:   usedLimits,
}, {
	Name: "certificate-expiring", Severity: Warning, Needs: []Source{Certificates},
	About:  "A certificate of a listener expires within thirty days, which ACM's own renewal would have prevented; an error within seven days, and if it has expired.",
	Remedy: "import the new certificate under the same ARN; for one of Amazon, restore the DNS record or mail address that proves the domain",
	Find:   expiringCertificates,
}, {
	Name: "certificate-not-covering", Severity: Warning, Needs: []Source{Certificates, Objects},
	About:  "No certificate of the listeners covers a host of an Ingress: browsers refuse the connection.",
	Remedy: "add the ARN of a certificate for the host to alb.ingress.kubernetes.io/certificate-arn, or leave the annotation out so that one is discovered",
	Find:   uncoveredHosts,
}}

func withoutName(f *Facts) string {
	if f.Settings.Cluster == "" {
		return "the name of the cluster is not known: set --cluster-name"
	}
	return ""
}

func foreignBindings(f *Facts) (out []Finding) {
	of := map[string][]string{}
	for _, b := range bindings(f) {
		for _, g := range f.TargetGroups {
			if g.ARN == b.Spec.TargetGroupARN && g.Cluster != "" && g.Cluster != f.Settings.Cluster {
				of[g.Cluster] = append(of[g.Cluster], nameOf(b))
			}
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(of)) {
		out = append(out, Finding{
			Object: "cluster name " + f.Settings.Cluster, Text: fmt.Sprintf("%s for target groups of cluster %s", count(len(of[cluster]), "TargetGroupBinding"), cluster), Evidence: join("", of[cluster]),
		})
	}
	return out
}

func sharedName(f *Facts) (out []Finding) {
	in := map[string][]string{}
	for _, lb := range f.LoadBalancers {
		in[lb.VPC] = append(in[lb.VPC], lb.Name)
	}
	for _, g := range f.TargetGroups {
		if g.Ours {
			in[g.VPC] = append(in[g.VPC], g.Name)
		}
	}
	for _, vpc := range slices.Sorted(maps.Keys(in)) {
		if vpc != "" && vpc != f.Settings.VPC {
			out = append(out, Finding{Object: vpc, Text: fmt.Sprintf("%s of this other VPC with the tag of cluster %s", count(len(in[vpc]), "resource"), f.Settings.Cluster), Evidence: join("", in[vpc])})
		}
	}
	return out
}

func orphans(f *Facts) (out []Finding) {
	left := map[stack.Key][]string{}
	add := func(key stack.Key, vpc, what string) {
		if !f.Declared[key] && (vpc == "" || vpc == f.Settings.VPC) {
			left[key] = append(left[key], what)
		}
	}
	for _, lb := range f.LoadBalancers {
		add(lb.Key, lb.VPC, "load balancer "+lb.Name)
	}
	for _, g := range f.TargetGroups {
		if g.Ours {
			add(g.Key, g.VPC, "target group "+g.Name)
		}
	}
	for _, g := range f.Groups {
		add(g.Key, "", "security group "+g.ID)
	}
	for _, key := range slices.SortedFunc(maps.Keys(left), stack.Key.Compare) {
		out = append(out, Finding{Object: key.String(), Text: "no object declares this, and it has resources in AWS", Evidence: join("", left[key])})
	}
	return out
}

// usage is how much of a limit is used, by what.
type usage struct {
	of string
	quota.Use
}

func usedLimits(f *Facts) (out []Finding) {
	var all []usage
	for _, limit := range slices.Sorted(maps.Keys(f.Counts)) {
		all = append(all, usage{"account", quota.Use{Limit: limit, Used: f.Counts[limit]}})
	}
	for _, lb := range f.LoadBalancers {
		has := quota.LoadBalancer{Type: lb.Type, Listeners: lb.Listeners, Rules: lb.Rules, Certificates: lb.Added}
		targets := 0
		for _, g := range f.TargetGroups {
			if slices.Contains(g.LoadBalancers, lb.ARN) {
				has.TargetGroups++
				targets += len(g.Targets)
			}
		}
		for _, u := range append(has.Uses(), quota.Use{Limit: quota.TargetsOf(lb.Type), Used: targets}) {
			all = append(all, usage{"load balancer " + lb.Name, u})
		}
	}
	for _, g := range f.TargetGroups {
		all = append(all, usage{"target group " + g.Name, quota.Use{Limit: quota.TargetsOfGroup, Used: len(g.Targets)}})
	}
	for _, u := range all {
		limit, known := f.Limits[u.Limit]
		if !known || u.Used == 0 || u.Used*5 < limit*4 {
			continue
		}
		x := Finding{Object: u.of, Text: fmt.Sprintf("%d of %d of limit %s are used", u.Used, limit, u.Limit)}
		if u.Used >= limit {
			x.Severity = Error
		}
		out = append(out, x)
	}
	return out
}

const (
	soon   = 30 * 24 * time.Hour
	urgent = 7 * 24 * time.Hour
)

// usersOf are the names of the load balancers with a certificate.
func usersOf(f *Facts, certificate string) (names []string) {
	for _, lb := range f.LoadBalancers {
		if slices.Contains(lb.Certificates, certificate) {
			names = append(names, lb.Name)
		}
	}
	return names
}

func expiringCertificates(f *Facts) (out []Finding) {
	for _, c := range f.Certificates {
		left := c.Expires.Sub(f.Now)
		if c.Expires.IsZero() || left >= soon {
			continue
		}
		x := Finding{Object: c.ARN, Text: "expires in " + age(left), Evidence: []string{"for " + strings.Join(c.Domains, ", "), "of " + strings.Join(usersOf(f, c.ARN), ", ")}}
		if left <= 0 {
			x.Text = "has expired " + age(-left) + " ago"
		}
		if left < urgent {
			x.Severity = Error
		}
		out = append(out, x)
	}
	return out
}

func uncoveredHosts(f *Facts) (out []Finding) {
	for _, i := range ingresses(f) {
		var names []string // of the certificates of its load balancers
		secured := false
		for _, lb := range f.LoadBalancers {
			if !declares(i, lb) {
				continue
			}
			for _, c := range f.Certificates {
				if slices.Contains(lb.Certificates, c.ARN) {
					secured, names = true, append(names, c.Domains...)
				}
			}
		}
		if !secured {
			continue
		}
		var bare []string
		for _, host := range hosts(i) {
			if !slices.ContainsFunc(names, func(n string) bool { return facts.Covers(n, host) }) && !slices.Contains(bare, host) {
				bare = append(bare, host)
			}
		}
		if len(bare) > 0 {
			out = append(out, Finding{Object: nameOf(i), Text: "no certificate of its load balancer covers " + strings.Join(bare, ", "), Evidence: join("the certificates are for ", names)})
		}
	}
	return out
}

// declares reports whether an Ingress is of the stack of a load balancer, by the status that shows its name or the finalizer.
func declares(i *networkingv1.Ingress, lb LoadBalancer) bool {
	if lb.Key.Owner != stack.Ingress {
		return false
	}
	if lb.Key.ID.Namespace == "" {
		return slices.Contains(i.Finalizers, naming.Finalizer(lb.Key))
	}
	return lb.Key.ID == naming.StackID(i.Namespace, i.Name)
}

// hosts are those that an Ingress serves.
func hosts(i *networkingv1.Ingress) (out []string) {
	for _, t := range i.Spec.TLS {
		out = append(out, t.Hosts...)
	}
	for _, r := range i.Spec.Rules {
		if r.Host != "" {
			out = append(out, strings.ToLower(r.Host))
		}
	}
	return out
}
