package compile_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// TestStacksAreThoseOfTheExistingController compares what is compiled with what the existing controller was seen to make of the
// same objects. Each difference is listed in its case with a reason.
func TestStacksAreThoseOfTheExistingController(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.today.json")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		name := strings.TrimSuffix(file, ".today.json")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var today any
			if err := json.Unmarshal(raw, &today); err != nil {
				t.Fatal(err)
			}
			s := load(t, name+".in.yaml")
			_, known := s.config(t)
			ours := map[string]any{"loadBalancers": tree{}, "securityGroups": tree{}, "targetGroups": tree{}, "bindings": tree{}}
			for _, o := range s.run(t, s.objects) {
				if o.Wish != nil {
					(&dump{o.Wish, known}).into(ours)
				}
			}
			found := map[string]string{}
			compareTrees("", canonical(t, today), canonical(t, ours), found)
			for _, path := range slices.Sorted(maps.Keys(found)) {
				if s.Differences[path] == "" {
					t.Errorf("%s: %s", path, found[path])
				}
			}
			for path := range s.Differences {
				if found[path] == "" {
					t.Errorf("%s is listed as a difference but is none", path)
				}
			}
		})
	}
}

type tree = map[string]any

// dump writes a stack the way the existing controller's results are written down.
type dump struct {
	*stack.Stack
	known facts.Facts
}

func (d *dump) into(out tree) {
	sub := func(key string) tree { return out[key].(tree) }
	for _, g := range d.SecurityGroups {
		one := tree{"description": g.Description, "tags": g.Tags}
		var rules []string
		for _, p := range g.Ingress {
			rules = append(rules, fmt.Sprintf("%s %d-%d from %s", p.Protocol, p.FromPort, p.ToPort, p.CIDR+p.IPv6CIDR+p.PrefixList))
		}
		if rules != nil {
			one["ingress"] = rules
		}
		sub("securityGroups")[g.Name] = one
	}
	for _, g := range d.TargetGroups {
		h := g.HealthCheck
		one := tree{
			"port": g.Port, "protocol": g.Protocol, "targetType": g.TargetType, "ipAddressType": g.IPAddressType, "tags": g.Tags,
			"healthCheck": dropEmpty(tree{
				"HealthCheckIntervalSeconds": h.IntervalSeconds, "HealthCheckPath": h.Path, "HealthCheckPort": h.Port,
				"HealthCheckProtocol": h.Protocol, "HealthCheckTimeoutSeconds": h.TimeoutSeconds,
				"HealthyThresholdCount": h.HealthyThreshold, "UnhealthyThresholdCount": h.UnhealthyThreshold,
			}),
		}
		if h.Matcher != "" {
			one["matcher"] = tree{"HttpCode": h.Matcher}
		}
		if g.ProtocolVersion != "" {
			one["protocolVersion"] = g.ProtocolVersion
		}
		attributes := maps.Clone(g.Attributes)
		if attributes["proxy_protocol_v2.enabled"] == "false" {
			delete(attributes, "proxy_protocol_v2.enabled")
		}
		if len(attributes) > 0 {
			one["attributes"] = attributes
		}
		sub("targetGroups")[g.Name] = one
	}
	for _, lb := range d.LoadBalancers {
		one := tree{"ipAddressType": lb.IPAddressType, "scheme": lb.Scheme, "type": string(lb.Type), "tags": lb.Tags, "listeners": d.listeners()}
		var groups []string
		for _, ref := range lb.SecurityGroups {
			groups = append(groups, d.group(ref))
		}
		var subnets []tree
		for _, m := range lb.Subnets {
			subnets = append(subnets, tree{"subnet": "{subnet:" + strings.TrimPrefix(m.Subnet, "subnet-0") + "}"})
		}
		one["securityGroups"], one["subnets"] = groups, subnets
		if lb.Attributes != nil {
			one["attributes"] = lb.Attributes
		}
		sub("loadBalancers")[lb.Name] = one
	}
	for _, b := range d.Bindings {
		spec := tree{
			"ipAddressType": b.IPAddress, "targetGroupARN": "{tg:" + b.Name + "}", "targetGroupProtocol": b.Protocol, "targetType": b.TargetType,
			"vpcID": "{vpc}", "serviceRef": tree{"name": b.ServiceName, "port": portValue(b.ServicePort)},
		}
		var rules []tree
		for _, n := range b.Networking {
			var from, ports []tree
			for _, g := range n.FromGroups {
				from = append(from, tree{"securityGroup": tree{"groupID": d.group(g)}})
			}
			for _, c := range n.FromCIDRs {
				from = append(from, tree{"ipBlock": tree{"cidr": c}})
			}
			for _, p := range n.Ports {
				ports = append(ports, tree{"port": portValue(p.Port), "protocol": p.Protocol})
			}
			rules = append(rules, tree{"from": from, "ports": ports})
		}
		if rules != nil {
			spec["networking"] = tree{"ingress": rules}
		}
		sub("bindings")[b.Name] = tree{"labels": b.Labels, "spec": spec}
	}
}

func (d *dump) listeners() tree {
	out := tree{}
	for _, l := range d.Listeners {
		one := tree{"protocol": l.Protocol, "tags": l.Tags, "defaultActions": d.actions(l.DefaultActions)}
		if len(l.Certificates) > 0 {
			one["certificate"] = []string{certificate(l.Certificates[0])}
			one["sslPolicy"] = l.SSLPolicy
			var sni []string
			for _, c := range l.SNI {
				if c != l.Certificates[0] { // what was seen is told without the default
					sni = append(sni, certificate(c))
				}
			}
			if sni != nil {
				one["sniCertificates"] = sni
			}
		}
		if l.ALPN != "" {
			one["alpn"] = []string{l.ALPN}
		}
		var rules []tree
		for _, r := range d.Rules {
			if r.Listener.ID == l.ID {
				rules = append(rules, tree{"priority": r.Order, "tags": r.Tags, "actions": d.actions(r.Actions), "conditions": conditions(r.Conditions)})
			}
		}
		if rules != nil {
			one["rules"] = rules
		}
		out[l.ID] = one
	}
	return out
}

func (d *dump) actions(in []stack.Action) []tree {
	var out []tree
	for i, a := range in {
		one := tree{"Type": string(a.Type), "Order": i + 1}
		switch a.Type {
		case stack.ActionForward:
			var groups []tree
			for _, g := range a.Forward.TargetGroups {
				w := int32(1)
				if g.Weight != nil {
					w = *g.Weight
				}
				groups = append(groups, tree{"TargetGroupArn": d.targetGroup(g.TargetGroup), "Weight": w})
			}
			one["ForwardConfig"] = tree{"TargetGroups": groups}
		case stack.ActionFixedResponse:
			f := a.FixedResponse
			one["FixedResponseConfig"] = dropEmpty(tree{"ContentType": f.ContentType, "StatusCode": f.StatusCode, "MessageBody": f.MessageBody})
		case stack.ActionRedirect:
			one["RedirectConfig"] = dropEmpty(tree{"Host": a.Redirect.Host, "Path": a.Redirect.Path, "Port": a.Redirect.Port,
				"Protocol": a.Redirect.Protocol, "Query": a.Redirect.Query, "StatusCode": a.Redirect.StatusCode})
		case stack.ActionAuthenticateOIDC, stack.ActionAuthenticateCognito, stack.ActionValidateJWT:
			panic("no recorded case has a login; write its form here with the first one")
		}
		out = append(out, one)
	}
	return out
}

func conditions(in []stack.Condition) []tree {
	configs := map[stack.ConditionField]string{
		stack.HostHeader: "HostHeaderConfig", stack.PathPattern: "PathPatternConfig", stack.HTTPHeader: "HttpHeaderConfig",
		stack.RequestMethod: "HttpRequestMethodConfig", stack.QueryString: "QueryStringConfig", stack.SourceIP: "SourceIpConfig",
	}
	var out []tree
	for _, c := range in {
		config := tree{}
		if c.HeaderName != "" {
			config["HttpHeaderName"] = c.HeaderName
		}
		if len(c.Values) > 0 {
			config["Values"] = c.Values
		}
		if len(c.Regex) > 0 {
			config["RegexValues"] = c.Regex
		}
		if c.Field == stack.QueryString {
			var pairs []tree
			for _, q := range c.Query {
				pairs = append(pairs, dropEmpty(tree{"Key": q.Key, "Value": q.Value}))
			}
			config["Values"] = pairs
		}
		out = append(out, tree{"Field": string(c.Field), configs[c.Field]: config})
	}
	return out
}

func (d *dump) targetGroup(ref stack.Ref) string {
	for _, g := range d.TargetGroups {
		if g.ID == ref.ID {
			return "{tg:" + g.Name + "}"
		}
	}
	return ref.Literal
}

func (d *dump) group(ref stack.Ref) string {
	for _, g := range d.SecurityGroups {
		if g.ID == ref.ID {
			return "{sg:" + g.Name + "}"
		}
	}
	return "{sg:" + d.known.SecurityGroups[ref.Literal].Tags["Name"] + "}"
}

// certificate is the name in "arn:…/<number>-<name>"; numbers are in the order of the certificates' real ARNs.
func certificate(arn string) string { return "{cert:" + arn[strings.LastIndex(arn, "-")+1:] + "}" }

func portValue(p string) any {
	if n, err := strconv.Atoi(p); err == nil {
		return n
	}
	return p
}

func dropEmpty(in tree) tree {
	maps.DeleteFunc(in, func(_ string, v any) bool { return v == "" || v == int32(0) })
	return in
}

// canonical sorts lists whose order has no meaning: all but rules.
func canonical(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return sorted(out, "")
}

func sorted(v any, key string) any {
	switch v := v.(type) {
	case tree:
		for k, e := range v {
			v[k] = sorted(e, k)
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i], "")
		}
		if key != "rules" {
			slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(text(a), text(b)) })
		}
	}
	return v
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// compareTrees records the paths at which two trees differ.
func compareTrees(path string, today, ours any, found map[string]string) {
	a, aTree := today.(tree)
	b, bTree := ours.(tree)
	if aTree && bTree {
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for k := range keys {
			compareTrees(strings.TrimPrefix(path+"/"+k, "/"), a[k], b[k], found)
		}
		return
	}
	x, xList := today.([]any)
	y, yList := ours.([]any)
	if xList && yList && len(x) == len(y) {
		for i := range x {
			compareTrees(fmt.Sprintf("%s/%d", path, i), x[i], y[i], found)
		}
		return
	}
	if text(today) != text(ours) {
		found[path] = fmt.Sprintf("today %s, ours %s", text(today), text(ours))
	}
}
