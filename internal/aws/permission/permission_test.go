package permission

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestEveryCallHasItsPermission(t *testing.T) {
	t.Parallel()
	for _, c := range []reflect.Type{reflect.TypeFor[awsclient.ELBV2](), reflect.TypeFor[awsclient.EC2](),
		reflect.TypeFor[awsclient.ACM](),
		reflect.TypeFor[awsclient.STS](), reflect.TypeFor[awsclient.Route53](), reflect.TypeFor[awsclient.Tagging](),
		reflect.TypeFor[awsclient.WAFv2](),
		reflect.TypeFor[awsclient.Shield]()} {
		for i := range c.NumMethod() {
			name := c.Method(i).Name
			if o, ok := Operations[name]; !ok || o.Permission == "" || o.Purpose == "" {
				t.Errorf("%s.%s is not in Operations", c.Name(), name)
			}
		}
	}
}

func TestThePermissionOfEachOperationIsListed(t *testing.T) {
	t.Parallel()
	for _, op := range awsop.Operations() {
		if _, listed := Operations[plan.NameOf(op)]; listed == strings.HasSuffix(plan.NameOf(op), "Binding") {
			t.Errorf("%s is among the calls to AWS: %v", plan.NameOf(op), listed)
		}
	}
}

func TestDenialOfEachOperationNamesItsAction(t *testing.T) {
	t.Parallel()
	for name, o := range Operations {
		if o.Service == awsclient.ServiceGlobalAccelerator || name == "GetCallerIdentity" { // which AWS always allows
			continue
		}
		d := awsclient.Problem(name, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"})
		if !strings.Contains(d.Remedy, " the action "+o.Permission+" (statement ") {
			t.Errorf("%s: %s", name, d.Remedy)
		}
	}
}
