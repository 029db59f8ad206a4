package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

const (
	acceleratorFile = " -f testdata/accelerator.yaml"
	acceleratorGate = " --feature-gates=GlobalAcceleratorController=true"
)

func TestPlansAndExplanationsOfAcceleratorsAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args    string
		invalid bool // an endpoint names a Service that does not exist
	}{
		"plan-accelerator":    {"plan" + acceleratorFile + acceleratorGate, true},
		"explain-accelerator": {"explain globalaccelerator shop/front" + acceleratorFile + acceleratorGate, true},
		"explain-accelerator-discovered": {"explain globalaccelerator/discovered -n shop" + acceleratorFile +
			acceleratorGate, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errOut, err := lbc(t, "", strings.Fields(c.args)...)
			if errors.Is(err, exitInvalid) != c.invalid || err != nil && !c.invalid {
				t.Errorf("%v\n%s", err, errOut)
			}
			goldenfile.Compare(t, "testdata/"+name+".txt", out)
		})
	}
}

func TestWithoutTheGatePlansReportThatAnAcceleratorHasNoEffect(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", strings.Fields("plan"+acceleratorFile)...)
	const want = "note: GlobalAccelerator shop/front: feature gate GlobalAcceleratorController is off, so this " +
		"object has no effect; start the controller with --feature-gates=GlobalAcceleratorController=true, and pass the " +
		"flag here [IgnoredSetting]"
	if err != nil || !strings.Contains(out, want) || strings.Contains(out, "CreateAccelerator") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err := lbc(t, "", strings.Fields("explain globalaccelerator shop/front"+acceleratorFile)...); err == nil ||
		!strings.Contains(err.Error(), "GlobalAccelerator shop/front: feature gate GlobalAcceleratorController is off") {
		t.Error(err)
	}
}

func TestARequestIsNoQuestionAboutAnAccelerator(t *testing.T) {
	t.Parallel()
	_, _, err := lbc(t, "", strings.Fields("explain globalaccelerator shop/front --request https://shop.example.com/"+
		acceleratorFile+acceleratorGate)...)
	if err == nil || !strings.Contains(err.Error(), "an accelerator has no rules") {
		t.Error(err)
	}
}
