package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

// Types of resources in annotation dry-run-plan.
const (
	plannedGroup    = "AWS::EC2::SecurityGroup"
	plannedBalancer = "AWS::ElasticLoadBalancingV2::LoadBalancer"
	plannedListener = "AWS::ElasticLoadBalancingV2::Listener"
	plannedRule     = "AWS::ElasticLoadBalancingV2::ListenerRule"
	plannedTarget   = "AWS::ElasticLoadBalancingV2::TargetGroup"
	plannedBinding  = "K8S::ElasticLoadBalancingV2::TargetGroupBinding"
)

// goldenPlans are the cases whose annotation is in testdata/plans: with certificates, of a group, and with tags.
var goldenPlans = []string{"ingress/027-discovery-by-rule-host", "ingress/039-group-merge", "ingress/045-tags"}

// equalsGolden compares an annotation with its golden file, which has line breaks.
func equalsGolden(t *testing.T, name, annotation string) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(annotation), "", " "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	goldenfile.Compare(t, filepath.Join("testdata", "plans", filepath.Base(name)+".json"), got.String())
}

// annotations are the texts of annotation dry-run-plan of the stacks of a case.
func (l *lab) annotations(r *cluster) (out []string) {
	l.t.Helper()
	for _, s := range l.plans(r) {
		out = append(out, l.annotation(s.Compiled.Stack))
	}
	return out
}

// annotation is the text of annotation dry-run-plan of a stack.
func (l *lab) annotation(s *stack.Stack) string {
	l.t.Helper()
	text, err := planjson.Marshal(naming.Untracked(s))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// comparePlans compares what annotations say with what the existing controller deployed after it wrote its own: no
// difference is on purpose. An annotation says the same before and after the deployment.
func (l *lab) comparePlans(r *cluster, before []string, today tree) {
	l.t.Helper()
	after := l.annotations(r)
	if !slices.Equal(before, after) {
		l.t.Errorf("the deployment changes the annotation:\n%s\n%s", before, after)
	}
	ours := tree{"aws": tree{"securityGroups": tree{}, "targetGroups": tree{}, "loadBalancers": tree{}}, "kube": tree{}}
	for _, text := range after {
		l.draw(text, ours)
	}
	ours = recorded.Sorted(tidy(l.written(ours))).(tree)
	found := recorded.Differ(undeployed(recordedPicture(today)), ours)
	for _, at := range slices.Sorted(maps.Keys(found)) {
		l.t.Errorf("annotation dry-run-plan: %s: %s", at, found[at])
	}
}

// undeployed is a record without what deployment adds: tags and labels of tracking, and what AWS answers.
func undeployed(picture tree) tree {
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case tree:
			for _, of := range []string{"tags", "labels"} {
				maps.DeleteFunc(sub(v, of), func(k string, _ any) bool { return tracks(k) })
				if v[of] != nil && len(sub(v, of)) == 0 {
					delete(v, of)
				}
			}
			for _, e := range v {
				strip(e)
			}
		case []any:
			for _, e := range v {
				strip(e)
			}
		}
	}
	strip(picture)
	for _, g := range sub(sub(picture, "aws"), "targetGroups") {
		delete(g.(tree), "loadBalancers")
		delete(g.(tree), "vpcId")
	}
	return picture
}

// tracks reports whether the existing controller adds a tag or label when it deploys.
func tracks(key string) bool {
	prefix, name, _ := strings.Cut(key, "/")
	return key == "elbv2.k8s.aws/cluster" || key == "elbv2.k8s.aws/resource" || slices.Contains([]string{
		"stack", "resource", "stack-name", "stack-namespace"}, name) && slices.Contains([]string{
		"ingress.k8s.aws", "service.k8s.aws", "gateway.k8s.aws.alb", "gateway.k8s.aws.nlb"}, prefix)
}

// drawing draws the resources of one annotation into a picture.
type drawing struct {
	*lab
	resources tree
	aws, kube tree
}

// draw adds what an annotation says to a picture.
func (l *lab) draw(text string, picture tree) {
	l.t.Helper()
	var plan struct{ Resources tree }
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		l.t.Fatal(err)
	}
	d := &drawing{lab: l, resources: plan.Resources, aws: sub(picture, "aws"), kube: sub(picture, "kube")}
	d.each(plannedGroup, func(_ string, spec tree) {
		sub(d.aws, "securityGroups")[spec["groupName"].(string)] = tree{"description": spec["description"],
			"tags": spec["tags"], "ingress": permissions(spec)}
	})
	d.each(plannedTarget, func(_ string, spec tree) {
		sub(d.aws, "targetGroups")[spec["name"].(string)] = d.target(spec)
	})
	d.each(plannedBalancer, func(_ string, spec tree) {
		sub(d.aws, "loadBalancers")[spec["name"].(string)] = d.balancer(spec)
	})
	d.each(plannedBinding, func(_ string, spec tree) {
		meta := sub(sub(spec, "template"), "metadata")
		d.kube["TargetGroupBinding/"+meta["name"].(string)] = tree{"labels": meta["labels"],
			"spec": d.resolved(sub(spec, "template")["spec"])}
	})
}

// each calls do for the resources of a type.
func (d *drawing) each(kind string, do func(id string, spec tree)) {
	for id, r := range sub(d.resources, kind) {
		do(id, sub(r.(tree), "spec"))
	}
}

// permissions are the rules of a security group in the form of a record.
func permissions(spec tree) (out []any) {
	rules, _ := spec["ingress"].([]any)
	for _, r := range rules {
		r := r.(tree)
		for list, key := range map[string]string{"ipRanges": "cidrIP", "ipv6Ranges": "cidrIPv6", "prefixLists": "listID"} {
			ranges, _ := r[list].([]any)
			for _, x := range ranges {
				out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v-%v from %s %s", r["ipProtocol"], r["fromPort"],
					r["toPort"], x.(tree)[key], text(x.(tree)["description"]))))
			}
		}
	}
	return out
}

func (d *drawing) target(spec tree) tree {
	check := sub(spec, "healthCheckConfig")
	return tree{
		"healthCheck": tree{
			"HealthCheckIntervalSeconds": check["intervalSeconds"], "HealthCheckPath": check["path"],
			"HealthCheckPort": fmt.Sprint(check["port"]), "HealthCheckProtocol": check["protocol"],
			"HealthCheckTimeoutSeconds": check["timeoutSeconds"],
			"HealthyThresholdCount":     check["healthyThresholdCount"],
			"UnhealthyThresholdCount":   check["unhealthyThresholdCount"],
		},
		"ipAddressType": spec["ipAddressType"], "matcher": d.resolved(spells(check["matcher"])), "port": spec["port"],
		"protocol": spec["protocol"], "protocolVersion": spec["protocolVersion"], "targetType": spec["targetType"],
		"tags": spec["tags"], "attributes": d.changed(spec["targetGroupAttributes"], spec["protocol"], spec["targetType"]),
	}
}

// changed are the attributes of a list that are not at the defaults of a kind.
func (d *drawing) changed(list any, kind ...any) map[string]string {
	have := map[string]string{}
	for k, v := range attributes(list) {
		have[k] = text(v)
	}
	return changed(have, d.defaults[strings.TrimSpace(fmt.Sprintln(kind...))])
}

func (d *drawing) balancer(spec tree) tree {
	var subnets []any
	mappings, _ := spec["subnetMapping"].([]any)
	for _, m := range mappings {
		subnets = append(subnets, tree{"subnet": m.(tree)["subnetID"]})
	}
	listeners := tree{}
	d.each(plannedListener, func(id string, spec tree) { listeners[id] = d.listener(id, spec) })
	return tree{"type": spec["type"], "scheme": spec["scheme"], "ipAddressType": spec["ipAddressType"],
		"securityGroups": d.resolved(spec["securityGroups"]), "subnets": subnets, "tags": spec["tags"],
		"attributes": d.changed(spec["loadBalancerAttributes"], spec["type"], spec["scheme"]), "listeners": listeners}
}

func (d *drawing) listener(id string, spec tree) tree {
	out := tree{"protocol": spec["protocol"], "sslPolicy": spec["sslPolicy"], "tags": spec["tags"],
		"defaultActions": d.resolved(spells(spec["defaultActions"])), "rules": d.rules(id)}
	if alpn := spec["alpnPolicy"]; alpn != nil {
		out["alpn"] = []any{alpn}
	}
	var arns []any
	certificates, _ := spec["certificates"].([]any)
	for _, c := range certificates {
		arns = append(arns, c.(tree)["certificateARN"])
	}
	if len(arns) > 0 {
		out["certificate"], out["sniCertificates"] = arns[:1], arns[1:]
	}
	return out
}

// rules are those of a listener, by their numbers.
func (d *drawing) rules(listener string) []any {
	byNumber := map[int]tree{}
	d.each(plannedRule, func(id string, spec tree) {
		port, number, _ := strings.Cut(id, ":")
		n, err := strconv.Atoi(number)
		if err != nil || float64(n) != spec["priority"] {
			d.t.Errorf("rule %s has priority %v", id, spec["priority"])
		}
		if port == listener {
			byNumber[n] = tree{"priority": n, "conditions": spells(spec["conditions"]), "tags": spec["tags"],
				"actions": d.resolved(spells(spec["actions"])), "transforms": spells(spec["transforms"])}
		}
	})
	var out []any
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		out = append(out, byNumber[n])
	}
	return out
}

// spells spells the keys of a value as AWS does: hostHeaderConfig is HostHeaderConfig, targetGroupARN is TargetGroupArn.
func spells(v any) any {
	switch v := v.(type) {
	case tree:
		out := tree{}
		for k, e := range v {
			if !strings.HasPrefix(k, "$") {
				k = strings.ToUpper(k[:1]) + strings.NewReplacer("ARN", "Arn", "IPC", "IpC").Replace(k[1:])
			}
			out[k] = spells(e)
		}
		if out["TargetGroupArn"] != nil && out["Weight"] == nil {
			out["Weight"] = 1.0 // as AWS answers
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = spells(e)
		}
		return out
	}
	return v
}

// resolved is a value with the placeholders of records in place of references. Each reference leads to a resource.
func (d *drawing) resolved(v any) any {
	d.t.Helper()
	switch v := v.(type) {
	case tree:
		if ref := text(v["$ref"]); ref != "" {
			return d.referred(ref)
		}
		out := tree{}
		for k, e := range v {
			out[k] = d.resolved(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = d.resolved(e)
		}
		return out
	}
	return v
}

func (d *drawing) referred(ref string) string {
	d.t.Helper()
	for kind, by := range map[string][3]string{plannedGroup: {"sg", "groupName", "/status/groupID"},
		plannedTarget:   {"tg", "name", "/status/targetGroupARN"},
		plannedBalancer: {"lb", "name", "/status/loadBalancerARN"}} {
		if id, ok := strings.CutPrefix(ref, "#/resources/"+kind+"/"); ok && strings.HasSuffix(id, by[2]) {
			spec := sub(sub(sub(d.resources, kind), strings.TrimSuffix(id, by[2])), "spec")
			return fmt.Sprintf("{%s:%s}", by[0], spec[by[1]])
		}
	}
	d.t.Errorf("%s leads nowhere", ref)
	return ref
}
