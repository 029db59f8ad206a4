package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// hash is the end of a generated name.
var hash = regexp.MustCompile(`-[0-9a-f]{10}\b`)

func unhashed(s string) string { return hash.ReplaceAllString(s, "-#") }

// words is plain JSON of a value, lists sorted, empty members left out, hashes too.
func words(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var plain any
	if err := json.Unmarshal([]byte(unhashed(string(text))), &plain); err != nil {
		return err.Error()
	}
	text, err = json.Marshal(tidy(plain))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func tidy(v any) any {
	switch v := v.(type) {
	case tree:
		for k, e := range v {
			if e = tidy(e); e == nil || e == "" {
				delete(v, k)
			} else {
				v[k] = e
			}
		}
	case []any:
		for i := range v {
			v[i] = tidy(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

// identity is what a target group is for, by its tags; its own name without such tags.
func identity(name string, tags map[string]string) string {
	for _, k := range []string{"ingress.k8s.aws/resource", "service.k8s.aws/resource"} {
		if tags[k] != "" {
			return tags[k]
		}
	}
	return name
}

// wanted is the picture of a step as it was recorded. Events are those of all steps up to it: they stay.
func (r *play) wanted(step int) map[string]string {
	out := map[string]string{}
	now := r.after[step]
	ids := map[string]string{} // of target groups, by name
	for name, g := range now.AWS.TargetGroups {
		ids[name] = identity(name, g.Tags)
		targets := []string{}
		for _, x := range g.Targets {
			targets = append(targets, r.recordedTarget(x))
		}
		slices.Sort(targets)
		out["targets of "+ids[name]] = strings.Join(targets, " ")
	}
	for ref, o := range now.Kube {
		key := strings.Replace(ref, "/", " ", 1)
		if spec, ok := o["spec"].(tree); ok {
			name, _ := spec["targetGroupARN"].(string)
			key = "TargetGroupBinding " + ids[strings.TrimSuffix(strings.TrimPrefix(name, "{tg:"), "}")]
		}
		for _, part := range []string{"labels", "annotations", "finalizers", "spec", "address", "class"} {
			if o[part] != nil {
				out[key+" "+part] = words(o[part])
			}
		}
	}
	for _, s := range r.after[:step+1] {
		for k, messages := range s.Events {
			for _, m := range messages {
				out["event "+unhashed(k)+": "+m] = "reported"
			}
		}
	}
	return out
}

// recordedTarget is a target as POD:PORT: pods took the addresses from 172.31.1.11 on.
func (r *play) recordedTarget(x string) string {
	host, port, err := net.SplitHostPort(x)
	n, numberErr := strconv.Atoi(strings.TrimPrefix(host, "172.31.1."))
	if err != nil || numberErr != nil || n < 11 || n-11 >= len(r.pods) {
		return x
	}
	return r.pods[n-11] + ":" + port
}

// kinds are read from the cluster, with the place of addresses in their status.
var kinds = []struct {
	kind     string
	resource schema.GroupVersionResource
}{
	{"Ingress", schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}},
	{"Service", schema.GroupVersionResource{Version: "v1", Resource: "services"}},
	{"TargetGroupBinding", schema.GroupVersionResource{Group: "elbv2.k8s.aws", Version: "v1beta1",
		Resource: "targetgroupbindings"}},
}

// components are the sources of the controller's events; others, such as the scheduler, have their own.
var components = []string{"ingress", "service", "targetGroupBinding"}

// picture is what cluster and account hold of the case now, in the recorded form.
func (r *play) picture(ctx context.Context, c *harness.Cluster) (map[string]string, error) {
	out := map[string]string{}
	pods, err := c.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	named := map[string]string{}
	for _, p := range pods.Items {
		named[p.Status.PodIP] = p.Name
	}
	held := c.Simulator.Resources()
	stands := []string{}
	for _, g := range held.SecurityGroups {
		name := g.Name
		if g.Tags["Name"] != "" {
			name = g.Tags["Name"]
		}
		stands = append(stands, `"`+g.ID+`"`, `"{sg:`+name+`}"`)
	}
	ids := map[string]string{} // by ARN
	for _, g := range held.TargetGroups {
		ids[g.ARN] = identity(g.Name, g.Tags)
		stands = append(stands, g.ARN, "{tg:"+g.Name+"}")
	}
	for _, lb := range held.LoadBalancers {
		prefix := "{dns:"
		if strings.HasPrefix(lb.DNSName, "internal-") {
			prefix = "{internal-dns:"
		}
		stands = append(stands, strings.ToLower(lb.DNSName), prefix+lb.Name+"}")
	}
	filled := strings.NewReplacer(append(stands, "vpc-01ab0001", "{vpc}")...)
	mine := map[string]bool{} // target groups that bindings of the namespace serve
	for _, k := range kinds {
		list, err := c.Dynamic.Resource(k.resource).Namespace(r.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			key := k.kind + " " + list.Items[i].GetName()
			if arn, ok, _ := unstructured.NestedString(list.Items[i].Object, "spec", "targetGroupARN"); ok {
				key = "TargetGroupBinding " + ids[arn]
				mine[arn] = true
			}
			for part, v := range parts(k.kind, &list.Items[i]) {
				text, err := json.Marshal(v)
				if err != nil {
					return nil, err
				}
				var plain any
				if err := json.Unmarshal([]byte(filled.Replace(string(text))), &plain); err != nil {
					return nil, err
				}
				out[key+" "+part] = words(plain)
			}
		}
	}
	for _, g := range held.TargetGroups {
		if !mine[g.ARN] {
			continue
		}
		targets := []string{}
		for _, x := range g.Targets {
			if x.State != "draining" {
				targets = append(targets, fmt.Sprintf("%s:%d", named[x.ID], x.Port))
			}
		}
		slices.Sort(targets)
		out["targets of "+ids[g.ARN]] = strings.Join(targets, " ")
	}
	events, err := c.Client.CoreV1().Events(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, e := range events.Items {
		if slices.Contains(components, e.Source.Component) {
			out[fmt.Sprintf("event %s/%s %s %s: %s", e.InvolvedObject.Kind, unhashed(e.InvolvedObject.Name), e.Type, e.Reason,
				e.Message)] = "reported"
		}
	}
	return out, nil
}

// parts are what is compared of an object; what is empty is left out, as in the record.
func parts(kind string, o *unstructured.Unstructured) tree {
	out := tree{}
	if f := o.GetFinalizers(); len(f) > 0 {
		out["finalizers"] = f
	}
	if kind == "TargetGroupBinding" {
		out["spec"] = o.Object["spec"]
		if l := o.GetLabels(); len(l) > 0 {
			out["labels"] = l
		}
		if a := o.GetAnnotations(); len(a) > 0 {
			keys := []string{}
			for k := range a {
				keys = append(keys, k)
			}
			out["annotations"] = keys
		}
		return out
	}
	if a, ok, _ := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress"); ok {
		out["address"] = a
	}
	if class, ok, _ := unstructured.NestedString(o.Object, "spec", "loadBalancerClass"); ok {
		out["class"] = class
	}
	return out
}
