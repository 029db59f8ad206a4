package route53

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func TestAZoneKeepsItsApexAndItsQuota(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Profile{})
	z := s.account.HostedZones[exampleZone]
	for _, r := range z.Records() {
		c := changing(types.ChangeActionDelete, r.Name, r.Type, r.Values...)
		c.ResourceRecordSet.TTL = aws.Int64(r.TTL)
		err := s.batch(c)
		t.Run("without "+r.Type, func(t *testing.T) {
			wantCode(t, err, "InvalidChangeBatch")
			if err != nil && !strings.Contains(err.Error(), r.Type+" record") {
				t.Errorf("got %v, want what the zone must contain", err)
			}
		})
	}
	if err := s.account.SetQuota("records-per-hosted-zone", len(z.Records())+1); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.batch(create("a.example.com", "A", "192.0.2.1"), create("b.example.com", "A", "192.0.2.1")),
		"InvalidChangeBatch")
	wantCode(t, s.batch(create("a.example.com", "A", "192.0.2.1")), "")
	wantCode(t, s.batch(create("b.example.com", "A", "192.0.2.1")), "InvalidChangeBatch")
	wantCode(t, s.batch(upsert("a.example.com", "A", "192.0.2.2")), "")
}

func TestACommentOfABatchHasABound(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Profile{})
	for n, want := range map[int]string{maxComment: "", maxComment + 1: "InvalidInput"} {
		_, err := s.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(exampleZone), ChangeBatch: &types.ChangeBatch{
				Comment: aws.String(strings.Repeat("c", n)), Changes: []types.Change{upsert("c.example.com", "A", "192.0.2.1")},
			}})
		wantCode(t, err, want)
	}
}

func TestHostedZonesAreListedByTypeAndDelegation(t *testing.T) {
	t.Parallel()
	s, _ := newService(t, account.Profile{})
	for name, tt := range map[string]struct {
		in   route53.ListHostedZonesInput
		want int
		code string
	}{
		"all":                   {route53.ListHostedZonesInput{}, 1, ""},
		"private ones":          {route53.ListHostedZonesInput{HostedZoneType: "PrivateHostedZone"}, 0, ""},
		"of an unknown type":    {route53.ListHostedZonesInput{HostedZoneType: "PublicHostedZone"}, 0, "InvalidInput"},
		"of a delegation set":   {route53.ListHostedZonesInput{DelegationSetId: aws.String("N1")}, 0, "NoSuchDelegationSet"},
		"after an unknown zone": {route53.ListHostedZonesInput{Marker: aws.String("Z0NOWHERE")}, 0, "InvalidInput"},
	} {
		out, err := s.ListHostedZones(ctx, &tt.in)
		t.Run(name, func(t *testing.T) {
			wantCode(t, err, tt.code)
			if err == nil && len(out.HostedZones) != tt.want {
				t.Errorf("%d zones, want %d", len(out.HostedZones), tt.want)
			}
		})
	}
}
