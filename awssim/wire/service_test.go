package wire

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

func TestServicesOfAllRegionsTakeCallsSignedWhereClientsSignThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{Region: "eu-west-1"})
	var seen string
	r.handle(func(ctx context.Context, service, _ string, _ any) (any, error) {
		seen = service + " " + gate.Region(ctx)
		return nil, nil
	})
	calls := map[string]func(region string) error{
		"shield": func(region string) error {
			_, err := shield.NewFromConfig(r.config(), func(o *shield.Options) { o.Region = region }).
				GetSubscriptionState(t.Context(), &shield.GetSubscriptionStateInput{})
			return err
		},
		"globalaccelerator": func(region string) error {
			_, err := globalaccelerator.NewFromConfig(r.config(), func(o *globalaccelerator.Options) { o.Region = region }).
				ListAccelerators(t.Context(), &globalaccelerator.ListAcceleratorsInput{})
			return err
		},
		"tagging": func(region string) error {
			_, err := resourcegroupstaggingapi.NewFromConfig(r.config(), func(o *resourcegroupstaggingapi.Options) {
				o.Region = region
			}).
				GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{})
			return err
		},
		"sts": func(region string) error {
			_, err := sts.NewFromConfig(r.config(), func(o *sts.Options) { o.Region = region }).GetCallerIdentity(t.Context(),
				&sts.GetCallerIdentityInput{})
			return err
		},
	}
	for _, tt := range []struct {
		service, region string
		taken           bool
	}{
		{"shield", "us-east-1", true}, {"shield", "eu-west-1", true}, {"shield", "us-west-2", false},
		{"globalaccelerator", "us-west-2", true}, {"globalaccelerator", "eu-west-1", false},
		{"tagging", "eu-west-1", true}, {"tagging", "us-west-2", true}, {"tagging", "us-east-1", true},
		{"tagging", "eu-west-2", false},
		{"sts", "eu-west-1", true}, {"sts", "us-east-1", true}, {"sts", "us-west-2", false},
	} {
		seen = ""
		err := calls[tt.service](tt.region)
		if tt.taken != (err == nil) {
			t.Errorf("%s signed for %s: %v", tt.service, tt.region, err)
		}
		if tt.taken && seen != tt.service+" "+tt.region {
			t.Errorf("%s signed for %s: the handler saw %q", tt.service, tt.region, seen)
		}
	}
}
