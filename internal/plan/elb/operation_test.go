package elb

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// TestARefOfAnOperationIsAlwaysOneOfItsRefs puts a reference into each place of each operation that can hold one. One that Refs leaves out is not
// waited for: the step may run before the resource exists.
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
		for _, r := range filled.Refs() {
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
		"AwaitTargets": "DescribeTargetHealth", "RegisterLoadBalancer": "RegisterTargets", "DeregisterLoadBalancer": "DeregisterTargets",
		"PublishValidation": "ChangeResourceRecordSets", "WithdrawValidation": "ChangeResourceRecordSets",
	}
	for _, op := range Operations() {
		of := reflect.TypeOf(op).Name()
		if want := cmp.Or(others[of], of); op.Name() != want {
			t.Errorf("%s is named %s", of, op.Name())
		}
	}
}
