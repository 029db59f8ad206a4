package parity

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

// existing tells what the existing controller would do to an account, given what it wants: how it finds what is its
// own, what it compares, and what it does about a difference. Both are pictures; what it wants is what it was seen to
// make.
type existing struct {
	does []string
}

func (x *existing) do(format string, args ...any) {
	x.does = append(x.does, fmt.Sprintf(format, args...))
}

// reconcile compares what is there with what is wanted.
func (x *existing) reconcile(have, want tree) []string {
	x.each("security group", sub(sub(have, "aws"), "securityGroups"), sub(sub(want, "aws"), "securityGroups"),
		func(name string, h, w tree) {
			x.tags("security group "+name, h, w)
			x.compare("rules of security group "+name, h["ingress"], w["ingress"])
		})
	x.each("target group", sub(sub(have, "aws"), "targetGroups"), sub(sub(want, "aws"), "targetGroups"),
		func(name string, h, w tree) {
			for _, k := range []string{"targetType", "protocol", "protocolVersion"} {
				if recorded.Text(h[k]) != recorded.Text(w[k]) {
					x.do("replace target group %s: %s", name, k)
					return
				}
			}
			x.tags("target group "+name, h, w)
			x.compare("health check of target group "+name, []any{h["healthCheck"], h["matcher"]},
				[]any{w["healthCheck"], w["matcher"]})
			x.attributes("target group "+name, h, w)
		})
	x.each("load balancer", sub(sub(have, "aws"), "loadBalancers"), sub(sub(want, "aws"), "loadBalancers"), x.loadBalancer)
	x.bindings(sub(have, "kube"), sub(want, "kube"))
	return x.does
}

// each pairs resources by the tags of cluster, stack and resource.
func (x *existing) each(kind string, have, want tree, update func(name string, have, want tree)) {
	byTags := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		id := identity(have[name].(tree))
		if id == "" {
			x.do("fail: unexpected %s with no resource tag: %s", kind, name)
			continue
		}
		byTags[id] = name
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		id := identity(want[name].(tree))
		found, ok := byTags[id]
		if !ok {
			x.do("create %s %s", kind, name)
			continue
		}
		delete(byTags, id)
		update(found, have[found].(tree), want[name].(tree))
	}
	for _, id := range slices.Sorted(maps.Keys(byTags)) {
		x.do("delete %s %s", kind, byTags[id])
	}
}

// identity is cluster, stack and resource of a resource by its tags; that of the shared group has no stack.
func identity(o tree) string {
	tags := sub(o, "tags")
	for _, owner := range []string{"ingress.k8s.aws", "service.k8s.aws", "gateway.k8s.aws.alb", "gateway.k8s.aws.nlb",
		"elbv2.k8s.aws"} {
		if resource, ok := tags[owner+"/resource"]; ok {
			return fmt.Sprint(owner, " ", tags["elbv2.k8s.aws/cluster"], " ", tags[owner+"/stack"], " ", resource)
		}
	}
	return ""
}

func (x *existing) tags(what string, have, want tree) {
	h, w := sub(have, "tags"), sub(want, "tags")
	for _, k := range slices.Sorted(maps.Keys(w)) {
		if h[k] != w[k] {
			x.do("tag %s with %s", what, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(h)) {
		if w[k] == nil && k != "ingress.k8s.aws/cluster" {
			x.do("untag %s: %s", what, k)
		}
	}
}

func (x *existing) compare(what string, have, want any) {
	if recorded.Text(have) != recorded.Text(want) {
		x.do("change %s", what)
	}
}

// attributes that are wanted are compared, others left alone.
func (x *existing) attributes(what string, have, want tree) {
	for k, v := range sub(want, "attributes") {
		if sub(have, "attributes")[k] != v {
			x.do("change attribute %s of %s", k, what)
		}
	}
}

func (x *existing) loadBalancer(name string, have, want tree) {
	if have["type"] != want["type"] || have["scheme"] != want["scheme"] {
		x.do("replace load balancer %s", name)
		return
	}
	x.tags("load balancer "+name, have, want)
	for _, k := range []string{"securityGroups", "subnets", "ipAddressType"} {
		x.compare(k+" of load balancer "+name, have[k], want[k])
	}
	x.attributes("load balancer "+name, have, want)
	h, w := sub(have, "listeners"), sub(want, "listeners")
	for _, port := range slices.Sorted(maps.Keys(h)) {
		if w[port] == nil {
			x.do("delete listener %s", port)
		}
	}
	for _, port := range slices.Sorted(maps.Keys(w)) {
		if h[port] == nil {
			x.do("create listener %s", port)
			continue
		}
		x.listener(port, h[port].(tree), w[port].(tree))
	}
}

func (x *existing) listener(port string, have, want tree) {
	x.tags("listener "+port, have, want)
	x.attributes("listener "+port, have, want)
	for _, k := range []string{"protocol", "defaultActions", "certificate", "sslPolicy", "alpn", "mutualAuthentication"} {
		if want[k] != nil {
			x.compare(k+" of listener "+port, have[k], want[k])
		}
	}
	wanted, _ := want["sniCertificates"].([]any)
	held, _ := have["sniCertificates"].([]any)
	for _, c := range held {
		if !slices.Contains(wanted, c) {
			x.do("detach certificate %s", c)
		}
	}
	for _, c := range wanted {
		if !slices.Contains(held, c) {
			x.do("attach certificate %s", c)
		}
	}
	h, _ := have["rules"].([]any)
	w, _ := want["rules"].([]any)
	x.rules(port, h, w)
}

// rules pairs by content, then by priority. What has another priority moves; a rule's tag tells its priority.
func (x *existing) rules(port string, have, want []any) {
	content := func(r any) string {
		return recorded.Text([]any{r.(tree)["conditions"], r.(tree)["actions"], r.(tree)["transforms"]})
	}
	have = slices.Clone(have)
	var left []tree
	for _, w := range want {
		i := slices.IndexFunc(have, func(h any) bool { return content(h) == content(w) })
		if i < 0 {
			left = append(left, w.(tree))
			continue
		}
		h := have[i].(tree)
		have = slices.Delete(have, i, i+1)
		if recorded.Text(h["priority"]) != recorded.Text(w.(tree)["priority"]) {
			x.do("move rule %v of listener %s to %v", h["priority"], port, w.(tree)["priority"])
		}
		x.tags(fmt.Sprintf("rule %v of listener %s", h["priority"], port), h, w.(tree))
	}
	for _, w := range left {
		i := slices.IndexFunc(have, func(h any) bool {
			return recorded.Text(h.(tree)["priority"]) == recorded.Text(w["priority"])
		})
		if i < 0 {
			x.do("create rule %v of listener %s", w["priority"], port)
			continue
		}
		have = slices.Delete(have, i, i+1)
		x.do("modify rule %v of listener %s", w["priority"], port)
	}
	for _, h := range have {
		x.do("delete rule %v of listener %s", h.(tree)["priority"], port)
	}
}

// bindings are paired by the target group's ARN; labels and spec are compared as a whole.
func (x *existing) bindings(have, want tree) {
	byARN := map[any]tree{}
	for _, b := range have {
		byARN[sub(b.(tree), "spec")["targetGroupARN"]] = b.(tree)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w := want[name].(tree)
		arn := sub(w, "spec")["targetGroupARN"]
		h, ok := byARN[arn]
		delete(byARN, arn)
		switch {
		case !ok:
			x.do("create %s", name)
		case recorded.Text(h) != recorded.Text(w):
			x.do("change %s", name)
		}
	}
	for arn := range byARN {
		x.do("delete the binding of %v", arn)
	}
}

// allowed is what the existing controller may do when it is put back: none of it changes what requests get.
var allowed = []string{"move rule ", "tag rule "}

// TestTheExistingControllerWouldAdoptWhatWeMake asks, after each step of each case, what the existing controller would
// do: nothing to what is new, and after edits give rules its own numbers, and nothing else.
func TestTheExistingControllerWouldAdoptWhatWeMake(t *testing.T) {
	t.Parallel()
	for _, r := range cases(t) {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for i, e := range r.Edits {
				r.apply(t, e)
				l.settle(&r)
				for _, what := range (&existing{}).reconcile(l.picture(), recordedPicture(r.after[i])) {
					if i == 0 || !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(what, p) }) {
						t.Errorf("after %q the existing controller would %s", e.Step, what)
					}
				}
			}
		})
	}
}

// TestTheModelOfTheExistingControllerSeesWhatItWouldChange spoils a state in the ways that matter.
func TestTheModelOfTheExistingControllerSeesWhatItWouldChange(t *testing.T) {
	t.Parallel()
	want := func() tree {
		return recordedPicture(read(t, "testdata/ingress/027-discovery-by-rule-host.yaml").after[0])
	}
	first := func(o tree) tree { return o[slices.Sorted(maps.Keys(o))[0]].(tree) }
	lb := func(p tree) tree { return first(sub(sub(p, "aws"), "loadBalancers")) }
	listener := func(p tree) tree { return first(sub(lb(p), "listeners")) }
	rule := func(p tree) tree { return listener(p)["rules"].([]any)[0].(tree) }
	for name, tc := range map[string]struct {
		spoil func(p tree)
		want  []string
	}{
		"as it was":      {func(tree) {}, nil},
		"another scheme": {func(p tree) { lb(p)["scheme"] = "internet-facing" }, []string{"replace load balancer "}},
		"another cluster's": {func(p tree) { sub(lb(p), "tags")["elbv2.k8s.aws/cluster"] = "else" },
			[]string{"create load balancer ", "delete load balancer "}},
		"no resource tag": {func(p tree) { delete(sub(lb(p), "tags"), "ingress.k8s.aws/resource") },
			[]string{"fail: ", "create load balancer "}},
		"a foreign tag":   {func(p tree) { sub(lb(p), "tags")["owner"] = "me" }, []string{"untag load balancer "}},
		"a missing group": {func(p tree) { lb(p)["securityGroups"] = []any{} }, []string{"change securityGroups "}},
		"another certificate": {func(p tree) { listener(p)["certificate"] = []any{"{cert:api}"} },
			[]string{"change certificate "}},
		"a missing certificate": {func(p tree) { delete(listener(p), "sniCertificates") }, []string{"attach certificate "}},
		"a rule elsewhere":      {func(p tree) { rule(p)["priority"] = 100.0 }, []string{"move rule "}},
		"another rule":          {func(p tree) { rule(p)["conditions"] = []any{} }, []string{"modify rule "}},
		"a rule more": {func(p tree) {
			listener(p)["rules"] = append(listener(p)["rules"].([]any), tree{"priority": 9.0})
		}, []string{"delete rule "}},
		"another protocol": {func(p tree) {
			first(sub(sub(p, "aws"), "targetGroups"))["protocol"] = "HTTPS"
		}, []string{"replace target group "}},
		"a health check": {func(p tree) {
			sub(first(sub(sub(p, "aws"), "targetGroups")), "healthCheck")["HealthCheckPath"] = "/x"
		}, []string{"change health check "}},
		"an open group": {func(p tree) {
			first(sub(sub(p, "aws"), "securityGroups"))["ingress"] = []any{"tcp 1-2 from ::/0"}
		}, []string{"change rules of "}},
		"a binding of something": {func(p tree) {
			sub(first(sub(p, "kube")), "spec")["targetGroupARN"] = "x"
		}, []string{"create TargetGroupBinding", "delete the binding "}},
		"a binding's label": {func(p tree) { sub(first(sub(p, "kube")), "labels")["more"] = "x" },
			[]string{"change TargetGroupBinding"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := want()
			tc.spoil(p)
			got := (&existing{}).reconcile(p, want())
			if !slices.EqualFunc(got, tc.want, strings.HasPrefix) {
				t.Errorf("would do %q, want %q", got, tc.want)
			}
		})
	}
}
