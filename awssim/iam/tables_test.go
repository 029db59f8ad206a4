package iam

import (
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/acm"
	"github.com/k8s-lbc/lbc/awssim/ec2"
	"github.com/k8s-lbc/lbc/awssim/elbv2"
	"github.com/k8s-lbc/lbc/awssim/globalaccelerator"
	"github.com/k8s-lbc/lbc/awssim/route53"
	"github.com/k8s-lbc/lbc/awssim/s3"
	"github.com/k8s-lbc/lbc/awssim/shield"
	"github.com/k8s-lbc/lbc/awssim/wafv2"
)

// withoutResource are actions that change something and are authorised on no resource.
var withoutResource = map[string]bool{
	"wafv2:CheckCapacity": true, "route53:CreateHostedZone": true,
	"shield:CreateSubscription": true, "shield:UpdateSubscription": true, "shield:DeleteSubscription": true,
	// These name an association or attachment only.
	"ec2:DetachNetworkInterface": true, "ec2:DisassociateAddress": true, "ec2:DisassociateRouteTable": true,
	"ec2:DisassociateSubnetCidrBlock": true, "ec2:DisassociateVpcCidrBlock": true,
}

func TestEveryActionThatChangesSomethingHasItsResources(t *testing.T) {
	t.Parallel()
	for service, value := range map[string]any{
		"elasticloadbalancing": &elbv2.Service{}, "ec2": &ec2.Service{}, "acm": &acm.Service{},
		"wafv2": &wafv2.Service{}, "shield": &shield.Service{},
		"globalaccelerator": &globalaccelerator.Service{}, "route53": &route53.Service{}, "s3": &s3.Service{},
	} {
		kind := reflect.TypeOf(value)
		for i := range kind.NumMethod() {
			m := kind.Method(i)
			if m.Type.NumIn() < 3 || m.Type.In(2).Kind() != reflect.Pointer ||
				!strings.HasSuffix(m.Type.In(2).Elem().Name(), "Input") {
				continue // no action
			}
			action := m.Name
			reads := strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "List") ||
				strings.HasPrefix(action, "Get")
			if mappingOf(service, action) == nil && !reads && !withoutResource[service+":"+action] {
				t.Errorf("%s:%s is in no table: it would be authorised on *", service, action)
			}
		}
	}
}

func TestAnUnknownInputIsAuthorisedOnEverything(t *testing.T) {
	t.Parallel()
	a := world(t)
	for service, table := range mappings {
		for action := range table {
			checks := checksOf(a, service, action, struct{}{})
			if len(checks) == 0 || checks[0].resource != "*" || checks[0].action != service+":"+action {
				t.Errorf("%s %s: %+v", service, action, checks)
			}
		}
	}
}
