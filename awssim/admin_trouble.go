package awssim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/quota"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

// administerTrouble serves the paths about quotas, timings, and what goes wrong.
func (s *Simulator) administerTrouble(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/quotas", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Quotas()) })
	mux.HandleFunc("POST /_sim/quotas", changing(s.SetQuotas))
	mux.HandleFunc("GET /_sim/timings", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.timings()) })
	mux.HandleFunc("POST /_sim/timings", changing(s.setTimings))
	mux.HandleFunc("GET /_sim/trouble", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Trouble()) })
	mux.HandleFunc("PUT /_sim/trouble", changing(s.SetTrouble))
	mux.HandleFunc("DELETE /_sim/trouble", func(w http.ResponseWriter, _ *http.Request) {
		_ = s.SetTrouble(simclient.Trouble{}) // none is valid
		w.WriteHeader(http.StatusNoContent)
	})
}

// changing reads a change and makes it.
func changing[T any](change func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked T
		if !read(w, r, &asked) {
			return
		}
		if err := change(asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// Quotas are the quotas of all services.
func (s *Simulator) Quotas() []quota.Quota {
	s.Account.Lock()
	defer s.Account.Unlock()
	return s.Account.AllQuotas()
}

// SetQuotas changes quotas by name, all or none.
func (s *Simulator) SetQuotas(values map[string]int) error {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	var try quota.Limits
	for name, value := range values {
		if err := try.SetQuota(name, value); err != nil {
			return err
		}
	}
	for name, value := range values {
		if err := a.SetQuota(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *Simulator) timings() map[string]string {
	s.Account.Lock()
	defer s.Account.Unlock()
	texts := map[string]string{}
	for name, d := range s.Account.Profile.Timings() {
		texts[name] = d.String()
	}
	return texts
}

func (s *Simulator) setTimings(texts map[string]string) error {
	values := make(map[string]time.Duration, len(texts))
	for name, text := range texts {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%s: %q is not a duration such as 50ms", name, text)
		}
		values[name] = d
	}
	return s.SetTimings(values)
}

// SetTimings changes how long transitions take, by name, all or none; "stale" stands for all timings that make reads
// lag and counts before those given by name. What is under way keeps its time.
func (s *Simulator) SetTimings(values map[string]time.Duration) error {
	s.Account.Lock()
	defer s.Account.Unlock()
	p, err := Timed(s.Account.Profile, values)
	if err == nil {
		s.Account.Profile = p
	}
	return err
}

// Timed is the profile with some of its timings changed, as of SetTimings.
func Timed(p account.Profile, values map[string]time.Duration) (account.Profile, error) {
	if d, ok := values["stale"]; ok {
		if err := p.SetStale(d); err != nil {
			return p, err
		}
		p.LagChance = 0 // a duration that is set counts for every write
	}
	for name, d := range values {
		if name == "stale" {
			continue
		}
		if err := p.SetTiming(name, d); err != nil {
			return p, err
		}
	}
	return p, nil
}

// serviceTime is the time by AWS's clock, which trouble puts ahead of the account's or, where signatures are not
// verified and callers know nothing of the account's clock, of the machine's.
func (s *Simulator) serviceTime(verified bool) time.Time {
	s.Account.Lock()
	defer s.Account.Unlock()
	now := time.Now()
	if verified {
		now = s.Account.Clock.Now()
	}
	return now.Add(s.Account.Trouble.ClockSkew)
}

// skewed reports whether AWS's clock and its callers' differ.
func (s *Simulator) skewed() bool {
	s.Account.Lock()
	defer s.Account.Unlock()
	return s.Account.Trouble.ClockSkew != 0
}

// Trouble is what goes wrong besides fault rules.
func (s *Simulator) Trouble() simclient.Trouble {
	s.Account.Lock()
	defer s.Account.Unlock()
	t := &s.Account.Trouble
	out := simclient.Trouble{
		PageSize: t.PageSize, Shuffle: t.Shuffle, ZonesOut: slices.Clone(t.ZonesOut), CertificatesStuck: t.CertificatesStuck,
		AcceleratorsStuck: t.AcceleratorsStuck, ChangesStuck: t.ChangesStuck, FirewallOut: t.FirewallOut,
	}
	if t.ClockSkew != 0 {
		out.ClockSkew = t.ClockSkew.String()
	}
	for _, shift := range t.Shifts {
		out.Shifts = append(out.Shifts, simclient.Shift(shift))
	}
	for _, o := range t.Provisioning {
		out.Provisioning = append(out.Provisioning, simclient.Outcome(o))
	}
	for _, f := range t.Flapping {
		out.Flapping = append(out.Flapping, simclient.Flap{TargetGroup: f.TargetGroup, Target: f.Target,
			Period: f.Period.String()})
	}
	return out
}

// SetTrouble replaces what goes wrong; the zero value ends it. It fails for states, zones and durations that do not
// exist.
func (s *Simulator) SetTrouble(asked simclient.Trouble) error {
	t := account.Trouble{
		PageSize: asked.PageSize, Shuffle: asked.Shuffle, ZonesOut: asked.ZonesOut,
		CertificatesStuck: asked.CertificatesStuck,
		AcceleratorsStuck: asked.AcceleratorsStuck, ChangesStuck: asked.ChangesStuck, FirewallOut: asked.FirewallOut,
	}
	for _, shift := range asked.Shifts {
		t.Shifts = append(t.Shifts, account.Shift(shift))
	}
	for _, o := range asked.Provisioning {
		t.Provisioning = append(t.Provisioning, account.Outcome(o))
	}
	var err error
	if asked.ClockSkew != "" {
		if t.ClockSkew, err = time.ParseDuration(asked.ClockSkew); err != nil {
			return fmt.Errorf("clockSkew: %q is not a duration such as -10m", asked.ClockSkew)
		}
	}
	for _, f := range asked.Flapping {
		period, err := time.ParseDuration(f.Period)
		if err != nil {
			return fmt.Errorf("flapping: period %q is not a duration such as 10s", f.Period)
		}
		t.Flapping = append(t.Flapping, account.Flap{TargetGroup: f.TargetGroup, Target: f.Target, Period: period})
	}
	if err := t.Validate(); err != nil {
		return err
	}
	if err := s.putTrouble(t); err != nil {
		return err
	}
	s.Account.Changed()
	return nil
}

func (s *Simulator) putTrouble(t account.Trouble) error {
	a := s.Account
	a.Lock()
	defer a.Unlock()
	for _, z := range t.ZonesOut {
		if _, ok := a.Zones[z]; !ok {
			return fmt.Errorf("zonesOut: there is no zone %q, use one of %v", z, slices.Sorted(maps.Keys(a.Zones)))
		}
	}
	for _, shift := range t.Shifts {
		if _, ok := a.Zones[shift.Zone]; !ok {
			return fmt.Errorf("shifts: there is no zone %q, use one of %v", shift.Zone, slices.Sorted(maps.Keys(a.Zones)))
		}
	}
	a.Trouble = t
	return nil
}
