package impairment

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConditionIsReportedWhenItChangesAndEnds sets and heals conditions.
func TestConditionIsReportedWhenItChangesAndEnds(t *testing.T) {
	t.Parallel()
	var got []string
	s := Conditions{OnChange: func(c Change) {
		if c.Healed {
			got = append(got, "healed "+string(c.Reason))
			return
		}
		got = append(got, c.Error())
	}}
	s.Heal(VPC) // holds not
	for range 3 {
		s.Set(Condition{Reason: VPC, Text: "no VPC", Remedy: NameVPC})
	}
	s.Set(Condition{Reason: VPC, Text: "two VPCs", Remedy: ChooseVPC})
	s.Set(Condition{Reason: Definitions, Text: "no definition", Remedy: ApplyDefinitions})
	if len(s.All()) != 2 || len(s.Of("aws")) != 1 || !s.Has(VPC) || s.Has(Region) {
		t.Errorf("%v", s.All())
	}
	s.Heal(VPC)
	s.Heal(VPC)
	s.Set(Condition{Reason: VPC, Text: "two VPCs", Remedy: ChooseVPC})
	want := []string{"no VPC; " + NameVPC, "two VPCs; " + ChooseVPC, "no definition; " + ApplyDefinitions, "healed vpc",
		"two VPCs; " + ChooseVPC}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestEachReasonHasARow looks for reasons that no check shows.
func TestEachReasonHasARow(t *testing.T) {
	t.Parallel()
	var s Conditions
	for _, r := range []Reason{Region, VPC, Credentials, Permissions, Unanswered, Throttled, APIServer, Definitions,
		DefinitionsOutdated, Rights, WebhookCertificate, Webhooks, ClusterName, Place, SharedClusterName, SecondController} {
		s.Set(Condition{Reason: r})
	}
	if len(s.All()) != 16 || len(Reasons) != 16 {
		t.Errorf("%d of %d reasons are shown", len(s.All()), len(Reasons))
	}
	if d := cmp.Diff([]string{"api-server", "aws", "cluster-name", "definitions", "leader", "rights",
		"webhook-certificate", "webhooks"}, Checks()); d != "" {
		t.Error(d)
	}
}
