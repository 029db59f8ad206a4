package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// troubleFlags are the flags about limits, timings and what goes wrong.
type troubleFlags struct {
	quotas  map[string]int
	timings map[string]string
	stale   time.Duration
	lag     float64
	seed    uint64
	flags   *pflag.FlagSet
	faults  []string
	trouble string
}

func (t *troubleFlags) register(f *pflag.FlagSet) {
	f.StringToIntVar(&t.quotas, "quota", nil, "quotas, NAME=N; the names are under /_sim/quotas")
	f.StringToStringVar(&t.timings, "timing", nil, "how long transitions take, in place of the profile's, "+
		"NAME=DURATION; the names are under /_sim/timings")
	f.DurationVar(&t.stale, "stale", 0, "how long reads miss what was just written, every time, in place of the "+
		"profile's times and --lag-chance")
	f.Float64Var(&t.lag, "lag-chance", account.DefaultLagChance,
		"the chance from 0 to 1 that reads miss what was just written, for a random part of the profile's time; 0: never")
	f.Uint64Var(&t.seed, "random-seed", 0, "number from which the random lags and faults are computed: "+
		"runs with the same number have the same lags and faults")
	t.flags = f
	f.StringArrayVar(&t.faults, "fault", nil,
		`fault rule as JSON, such as '{"service":"ec2","action":"Describe*","kind":"throttled","probability":0.1}'; may be repeated`)
	f.StringVar(&t.trouble, "trouble", "",
		`what goes wrong besides fault rules, as JSON, such as '{"shuffle":true,"pageSize":1}'; see /_sim/`)
}

// timed is the profile with the timings of the flags.
func (t *troubleFlags) timed(p account.Profile) (account.Profile, error) {
	if t.stale < 0 {
		return p, fmt.Errorf("--stale: %s is negative", t.stale)
	}
	if !(t.lag >= 0 && t.lag <= 1) {
		return p, fmt.Errorf("--lag-chance: %g is not from 0 to 1", t.lag)
	}
	p.LagChance = t.lag
	values := map[string]time.Duration{}
	if t.lag == 0 {
		values["stale"] = 0
	}
	if t.flags.Changed("stale") {
		values["stale"] = t.stale
	}
	for name, text := range t.timings {
		d, err := time.ParseDuration(text)
		if err != nil {
			return p, fmt.Errorf("--timing: %s: %q is not a duration such as 50ms", name, text)
		}
		values[name] = d
	}
	p, err := awssim.Timed(p, values)
	if err != nil {
		return p, fmt.Errorf("--timing: %w", err)
	}
	return p, nil
}

// apply sets what can be set in a running simulator.
func (t *troubleFlags) apply(sim *awssim.Simulator) error {
	if err := sim.SetQuotas(t.quotas); err != nil {
		return fmt.Errorf("--quota: %w", err)
	}
	for _, text := range t.faults {
		var f gate.Fault
		if err := strict(text, &f); err != nil {
			return fmt.Errorf("--fault: %w", err)
		}
		if _, err := sim.Gate.AddFault(f); err != nil {
			return fmt.Errorf("--fault: %w", err)
		}
	}
	if t.trouble == "" {
		return nil
	}
	var trouble simclient.Trouble
	if err := strict(t.trouble, &trouble); err != nil {
		return fmt.Errorf("--trouble: %w", err)
	}
	if err := sim.SetTrouble(trouble); err != nil {
		return fmt.Errorf("--trouble: %w", err)
	}
	return nil
}

// strict reads JSON without unknown fields.
func strict(text string, into any) error {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
