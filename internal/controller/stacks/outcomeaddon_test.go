package stacks

import (
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestWhatAWSRefusesOfAnAddOnIsReportedAtTheSettingOfThatAddOn(t *testing.T) {
	t.Parallel()
	origin := compile.Origin{Fields: map[string]intent.Source{}}
	for _, f := range []string{"WebACL", "Shield", "Capacity", "IPAMPool", "Subnets", "Attributes"} {
		origin.Fields[f] = intent.At(diag.Object{}, f)
	}
	for _, c := range []struct {
		op   plan.Operation
		want string
	}{
		{awsop.AssociateWebACL{}, "WebACL"}, {awsop.DisassociateWebACL{}, "WebACL"},
		{awsop.CreateProtection{}, "Shield"}, {awsop.DeleteProtection{}, "Shield"},
		{awsop.ModifyCapacityReservation{}, "Capacity"}, {awsop.ModifyIpPools{}, "IPAMPool"},
	} {
		d := diag.New(diag.Object{}, "", diag.AWSRejected, "no", "do it")
		if got := sourcesOf(d, origin, c.op); !slices.Equal(got, []intent.Source{intent.At(diag.Object{}, c.want)}) {
			t.Errorf("%s: %v", plan.NameOf(c.op), got)
		}
	}
}
