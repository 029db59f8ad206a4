package guides

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// recordsFollowTheIngress reads the Ingress as external-dns does it, annotation and status, and makes the record of
// example 53: an alias of the load balancer, which DNS then resolves as the load balancer itself.
func recordsFollowTheIngress(t *testing.T, s *scenario) {
	ingress, err := s.c.Client.NetworkingV1().Ingresses(s.namespace).Get(t.Context(), "my-app-ingress",
		metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	name, addresses := ingress.Annotations["external-dns.alpha.kubernetes.io/hostname"],
		ingress.Status.LoadBalancer.Ingress
	if len(addresses) != 1 || addresses[0].Hostname == "" || addresses[0].IP != "" ||
		strings.ToLower(addresses[0].Hostname) != addresses[0].Hostname {
		t.Fatalf("external-dns reads %+v", addresses)
	}
	text, err := os.ReadFile(s.c.Repo.Example(filepath.Join("guides", "53-route53-alias.json")))
	if err != nil {
		t.Fatal(err)
	}
	var batch types.ChangeBatch
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "ALB_DNS_NAME", addresses[0].Hostname)),
		&batch); err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(batch.Changes[0].ResourceRecordSet.Name); got != name {
		t.Fatalf("the record is for %s, the annotation for %s", got, name)
	}
	zones, err := s.c.Simulator.Names.ListHostedZonesByName(t.Context(), &route53.ListHostedZonesByNameInput{
		DNSName: aws.String("example.com.")})
	if err != nil || len(zones.HostedZones) == 0 {
		t.Fatalf("the zone of %s: %v", name, err)
	}
	change := func(ctx context.Context, action types.ChangeAction) {
		batch.Changes[0].Action = action
		_, err := s.c.Simulator.Names.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: zones.HostedZones[0].Id, ChangeBatch: &batch})
		if err != nil {
			t.Errorf("%s the record: %v", action, err)
		}
	}
	// The zone that the guide prints is that of us-east-1.
	alias := batch.Changes[0].ResourceRecordSet.AliasTarget
	printed, right := aws.String("Z35SXDOTRQ7X7K"), alias.HostedZoneId
	alias.HostedZoneId = printed
	_, err = s.c.Simulator.Names.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: zones.HostedZones[0].Id, ChangeBatch: &batch})
	if code := smithy.APIError(nil); !errors.As(err, &code) || code.ErrorCode() != "InvalidChangeBatch" {
		t.Errorf("the alias with the zone that the guide prints: %v", err)
	}
	alias.HostedZoneId = right
	change(t.Context(), types.ChangeActionUpsert)
	defer change(context.WithoutCancel(t.Context()), types.ChangeActionDelete) // it is the user's
	want, err := s.c.Simulator.Resolve(addresses[0].Hostname)
	if err != nil || len(want) == 0 {
		t.Fatalf("%s has the addresses %v: %v", addresses[0].Hostname, want, err)
	}
	slices.SortFunc(want, func(a, b netip.Addr) int { return a.Compare(b) })
	s.c.WaitFor(t, "the record", func(context.Context) error {
		got, err := s.c.Simulator.Resolve(name)
		if err != nil {
			return err
		}
		slices.SortFunc(got, func(a, b netip.Addr) int { return a.Compare(b) })
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s has the addresses %v, want %v", name, got, want)
		}
		return nil
	})
}
