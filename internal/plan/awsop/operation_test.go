package awsop

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// TestARefOfAnOperationIsAlwaysOneOfItsRefs puts a reference into each place of each operation that can hold one. One
// that Refs leaves out is not waited for: the step may run before the resource exists.
func TestARefOfAnOperationIsAlwaysOneOfItsRefs(t *testing.T) {
	t.Parallel()
	unused := map[string]string{
		"CreateSecurityGroup.Group.Ingress[].Group": "rules are operations of their own",
		"CreateTargetGroup.TargetGroup.Balancer":    "it is registered by an operation of its own",
		"ModifyListener.Listener.LoadBalancer":      "the listener exists, and stays where it is",
		"ModifyRule.Rule.Listener":                  "the rule exists, and stays where it is",
	}
	seen := map[string]bool{}
	for _, op := range Operations() {
		v := reflect.New(reflect.TypeOf(op)).Elem()
		want := map[string]bool{}
		fill(v, v.Type().Name(), want)
		filled, is := v.Interface().(Operation)
		if !is {
			t.Fatalf("%T is no operation", v.Interface())
		}
		for _, r := range filled.About().Refs {
			delete(want, r.ID)
		}
		for _, place := range slices.Sorted(maps.Keys(want)) {
			if seen[place] = true; unused[place] == "" {
				t.Errorf("%s is not among the references of the operation", place)
			}
		}
	}
	for place := range unused {
		if !seen[place] {
			t.Errorf("%s is used, or is no place", place)
		}
	}
}

// fill puts a reference, whose id is its place, wherever a value can hold one.
func fill(v reflect.Value, place string, places map[string]bool) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[stack.Ref]() {
			v.Set(reflect.ValueOf(stack.Ref{Kind: stack.KindLoadBalancer, ID: place}))
			places[place] = true
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), place+"."+f.Name, places)
			}
		}
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fill(p.Elem(), place, places)
		v.Set(p)
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), 1, 1)
		fill(s.Index(0), fmt.Sprint(place, "[]"), places)
		v.Set(s)
	default:
	}
}

// operations are those that Diff plans; targets are the fast lane's.

func TestAnOperationIsNamedAsAWSNamesItsAction(t *testing.T) {
	t.Parallel()
	others := map[string]string{
		"AwaitTargets": "DescribeTargetHealth", "RegisterLoadBalancer": "RegisterTargets",
		"DeregisterLoadBalancer": "DeregisterTargets",
		"PublishValidation":      "ChangeResourceRecordSets", "WithdrawValidation": "ChangeResourceRecordSets",
	}
	for _, op := range Operations() {
		of := reflect.TypeOf(op).Name()
		if want := cmp.Or(others[of], of); plan.NameOf(op) != want {
			t.Errorf("%s is named %s", of, plan.NameOf(op))
		}
	}
}

// fullOf is the value of a type in which everything is set: references to resources whose ARN or id is their kind,
// numbers 1, texts "x".
func fullOf(v reflect.Value, field string) {
	kinds := map[string]stack.Kind{
		"TargetGroup": stack.KindTargetGroup, "Resource": stack.KindTargetGroup, "Listener": stack.KindListener,
		"Rule": stack.KindRule, "Group": stack.KindSecurityGroup,
		"Groups": stack.KindSecurityGroup, "SecurityGroups": stack.KindSecurityGroup, "FromGroups": stack.KindSecurityGroup,
		"Certificate": stack.KindCertificate, "At": stack.KindCertificate, "ModifyListener.Ref": stack.KindListener,
		"ModifyRule.Ref": stack.KindRule,
		"TrustStore":     stack.KindTrustStore, "ModifyTrustStore.Ref": stack.KindTrustStore,
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[stack.Ref]() {
			kind := cmp.Or(kinds[field], kinds[field[strings.LastIndex(field, ".")+1:]], stack.KindLoadBalancer)
			v.Set(reflect.ValueOf(stack.Literal(kind, string(kind))))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fullOf(v.Field(i), v.Type().Name()+"."+f.Name)
			}
		}
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fullOf(p.Elem(), field)
		v.Set(p)
	case reflect.Slice:
		s := reflect.MakeSlice(v.Type(), 1, 1)
		fullOf(s.Index(0), field)
		v.Set(s)
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]string]() {
			v.Set(reflect.ValueOf(map[string]string{"x": "x"}))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	default:
	}
}

// TestTheEffectOfAnOperationNamesWhatAnObservationShowsOfIt holds the two methods of each operation against each other:
// what advance changes is of the kind that the effect names, created, changed or deleted as it says, and nothing else
// changes, except what goes with a resource.
func TestTheEffectOfAnOperationNamesWhatAnObservationShowsOfIt(t *testing.T) {
	t.Parallel()
	below := map[string]stack.Kind{ // what changes besides
		"DeleteLoadBalancer": stack.KindListener, "DeleteListener": stack.KindRule,
	}
	kinds := []stack.Kind{stack.KindSecurityGroup, stack.KindTargetGroup, stack.KindLoadBalancer, stack.KindListener,
		stack.KindRule, stack.KindBinding, stack.KindCertificate, stack.KindTrustStore}
	lists := func(o *Observed) []any {
		return []any{o.SecurityGroups, o.TargetGroups, o.LoadBalancers, o.Listeners, o.Rules, o.Bindings, o.Certificates,
			o.TrustStores}
	}
	for _, zero := range Operations() {
		v := reflect.New(reflect.TypeOf(zero)).Elem()
		fullOf(v, "")
		op, is := v.Interface().(Operation)
		if !is {
			t.Fatalf("%T is no operation", v.Interface())
		}
		name := v.Type().Name()
		var before Observed
		fullOf(reflect.ValueOf(&before).Elem(), "")
		before.LoadBalancers[0].ARN, before.TargetGroups[0].ARN, before.TargetGroups[0].TargetType = "LoadBalancer",
			"TargetGroup", stack.TargetALB
		before.TargetGroups[0].Targets = []Target{{ID: "LoadBalancer", Port: 1}}
		before.LoadBalancers[0].LoadBalancer, before.TargetGroups[0].HealthCheck,
			before.Rules[0].Conditions = stack.LoadBalancer{}, stack.HealthCheck{}, nil
		before.Listeners[0].ARN, before.Rules[0].ARN, before.SecurityGroups[0].GroupID, before.Certificates[0].ARN,
			before.TrustStores[0].ARN = "Listener", "Rule", "SecurityGroup", "Certificate", "TrustStore"
		before.TrustStores[0].Hash = "before"
		for n, k := range []*map[string]string{&before.LoadBalancers[0].Tags, &before.TargetGroups[0].Tags,
			&before.SecurityGroups[0].Tags, &before.Certificates[0].Tags, &before.LoadBalancers[0].Attributes,
			&before.TargetGroups[0].Attributes, &before.Listeners[0].Attributes} {
			*k = map[string]string{"x": fmt.Sprint("before ", n)}
		}
		was, after := before.Clone(), Advance(before, op, Output{ID: "new", Protection: "new"},
			func(r stack.Ref) string { return r.Literal })
		e := op.About().Effect
		for n, kind := range kinds {
			old, now := reflect.ValueOf(lists(&was)[n]), reflect.ValueOf(lists(&after)[n])
			same := reflect.DeepEqual(old.Interface(), now.Interface()) || old.Len() == now.Len() && now.Len() == 0
			grows := map[plan.Verb]int{plan.Creates: 1, plan.Deletes: -1}[e.Verb]
			switch {
			case name == "SetRulePriorities" && kind == stack.KindRule: // of the listener that it names
			case e.Kind == kind && (e.Verb == plan.Creates || e.Resource.Kind == kind || kind == stack.KindBinding):
				if now.Len()-old.Len() != grows || same && name != "SetRulePriorities" {
					t.Errorf("%s %s a %s: %d become %d", name, e.Verb, kind, old.Len(), now.Len())
				}
			case !same && below[name] != kind && (name != "DeleteLoadBalancer" || kind != stack.KindRule):
				t.Errorf("%s %s a %s, and changes a %s", name, e.Verb, e.Kind, kind)
			}
		}
		if e.Kind != "" && e.Verb != plan.Creates && e.Kind != stack.KindBinding && e.Resource.Kind != e.Kind {
			t.Errorf("%s %s a %s, but names a %s", name, e.Verb, e.Kind, e.Resource.Kind)
		}
	}
}
