package awssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/page"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

const index = `The simulator's own paths. AWS's services are on /.

GET    /_sim/calls       recorded calls; ?since= (time, or age such as 5m) &after=NUMBER &service= &action= &caller= &failed=true
                         &limit= (an action, service or caller may end in *) &format=text
GET    /_sim/counts      numbers of calls by service, action and caller
POST   /_sim/reset       forget calls and counts
GET    /_sim/faults      fault rules; POST one to add or replace it, DELETE to clear
DELETE /_sim/faults/ID   remove one
GET    /_sim/resources   load balancers, listeners, rules, target groups, targets and health, security groups, certificates
GET    /_sim/traffic     counters of load balancers and target groups, requests by rule
GET    /_sim/flows       open flows of network load balancers
GET    /_sim/ui/         all of it as a page for browsers
GET    /_sim/topology    where each load balancer listens on this machine
GET    /_sim/backends    servers of this machine behind targets; POST {"10.0.128.10:8080":"127.0.0.1:9000"} to add one ("" removes it),
                         for TCP and UDP, by address or instance ID
GET    /_sim/resolve     ?name=  addresses of a load balancer's DNS name
GET    /_sim/metrics     counters of load balancers and target groups under CloudWatch's names, for Prometheus
GET    /_sim/ca.pem      the authority that signs the simulator's certificates
GET    /_sim/idp         the identity provider's users, knobs and counts; POST its knobs, DELETE what it remembers
GET    /_sim/public-keys/ID  the key that signs x-amzn-oidc-data
GET    /_sim/iam         users, roles, policies; POST {"enforced":true,"attach":[{"policy":"P","role":"R"}],"detach":[…]} to change
                         (user, role or accessKey); GET, PUT, DELETE /_sim/iam/policies/NAME for a document
GET    /_sim/instances/ID/latest/…  metadata of an instance, with tokens as of /latest/ itself, which is one instance's
GET    /_sim/quotas      quotas of all services; POST {"rules-per-security-group":5} to change
GET    /_sim/timings     how long transitions take, and reads lag; POST {"load-balancer-active":"1m","stale":"5s"} to change
GET    /_sim/trouble     what goes wrong besides fault rules; PUT to replace, DELETE to end: {"pageSize":1,"shuffle":true,
                         "zonesOut":["us-west-2a"],"shifts":[{"loadBalancer":"web","zone":"us-west-2a"}],
                         "provisioning":[{"name":"k8s-*","state":"failed"}],"clockSkew":"10m",
                         "flapping":[{"targetGroup":"web","target":"10.0.0.9","period":"10s"}],
                         "certificatesStuck":true,"acceleratorsStuck":true,"changesStuck":true,"firewallOut":true}
       /_sim/accounts/ID/…  these paths for another account of the account file
GET    /_sim/settings    clock, latency, throttling; POST {"latency":"50ms","throttle":true,"advance":"5m","scale":10} to change
`

// maxScale keeps a clock from having health checks take all of the machine's time.
const maxScale = 1000

// maxAdministration is the longest request to the administration, in bytes.
const maxAdministration = 1 << 20

// administration serves the paths under /_sim/.
func (s *Simulator) administration() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/{$}", func(w http.ResponseWriter, _ *http.Request) {
		s.answerText(w, "text/plain; charset=utf-8", index)
	})
	mux.HandleFunc("GET /_sim/calls", s.getCalls)
	mux.HandleFunc("GET /_sim/counts", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Gate.Counts()) })
	mux.HandleFunc("POST /_sim/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Gate.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Gate.Faults()) })
	mux.HandleFunc("POST /_sim/faults", s.postFault)
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.Gate.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_sim/faults/{id}", s.deleteFault)
	mux.HandleFunc("GET /_sim/resources", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Resources()) })
	mux.HandleFunc("GET /_sim/traffic", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Traffic()) })
	mux.HandleFunc("GET /_sim/flows", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Flows()) })
	mux.Handle("GET /_sim/ui/", http.StripPrefix("/_sim/ui", page.Handler()))
	mux.HandleFunc("GET /_sim/topology", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Endpoints()) })
	mux.HandleFunc("GET /_sim/resolve", s.getResolution)
	mux.HandleFunc("GET /_sim/metrics", s.getMetrics)
	mux.HandleFunc("GET /_sim/ca.pem", s.getCA)
	mux.HandleFunc("GET /_sim/truststores/{name}/{id}/bundle.pem", func(w http.ResponseWriter, r *http.Request) {
		content, ok := s.Balancing.TrustStoreBundle(r.PathValue("name") + "/" + r.PathValue("id"))
		s.answerPEM(w, content, ok)
	})
	mux.HandleFunc("GET /_sim/truststores/{name}/{id}/revocations/{file}", func(w http.ResponseWriter, r *http.Request) {
		number, _ := strings.CutSuffix(r.PathValue("file"), ".pem")
		id, _ := strconv.ParseInt(number, 10, 64) // 0 is no id
		content, ok := s.Balancing.TrustStoreRevocation(r.PathValue("name")+"/"+r.PathValue("id"), id)
		s.answerPEM(w, content, ok)
	})
	s.administerTrouble(mux)
	s.administerBackends(mux)
	mux.HandleFunc("GET /_sim/settings", func(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.settings()) })
	mux.HandleFunc("POST /_sim/settings", s.postSettings)
	s.identityPaths(mux)
	s.administerIAM(mux)
	return mux
}

// answerPEM answers the certificates of a trust store.
func (s *Simulator) answerPEM(w http.ResponseWriter, content []byte, ok bool) {
	if !ok {
		http.Error(w, "there is no such trust store or revocation", http.StatusNotFound)
		return
	}
	s.answerText(w, "application/x-pem-file", string(content))
}

func (s *Simulator) answer(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.answerText(w, "application/json", string(body)+"\n")
}

func (s *Simulator) answerText(w http.ResponseWriter, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	if _, err := io.WriteString(w, body); err != nil {
		s.logf("simulator: the caller did not take the answer: %v", err)
	}
}

func (s *Simulator) getCalls(w http.ResponseWriter, r *http.Request) {
	filter, err := s.filter(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	calls := []simclient.Call{}
	for _, c := range s.Gate.Calls(filter) {
		calls = append(calls, Describe(c))
	}
	if r.FormValue("format") != "text" {
		s.answer(w, calls)
		return
	}
	var b strings.Builder
	for _, c := range calls {
		b.WriteString(c.String())
		b.WriteByte('\n')
	}
	s.answerText(w, "text/plain; charset=utf-8", b.String())
}

// filter reads the query of a request for calls.
func (s *Simulator) filter(r *http.Request) (gate.Filter, error) {
	f := gate.Filter{Service: r.FormValue("service"), Action: r.FormValue("action"), Caller: r.FormValue("caller")}
	var bad []error
	if v := r.FormValue("since"); v != "" {
		age, err := time.ParseDuration(v)
		f.Since = s.Account.Clock.Now().Add(-age)
		if err != nil {
			if f.Since, err = time.Parse(time.RFC3339, v); err != nil {
				bad = append(bad, fmt.Errorf("since: %q is neither a time such as 2006-01-02T15:04:05Z nor an age such as 5m", v))
			}
		}
	}
	if v := r.FormValue("after"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			bad = append(bad, fmt.Errorf("after: %q is not the number of a call", v))
		}
		f.After = n
	}
	if v := r.FormValue("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			bad = append(bad, fmt.Errorf("limit: %q is not a number of calls", v))
		}
		f.Limit = n
	}
	if v := r.FormValue("failed"); v != "" {
		b, err := strconv.ParseBool(v)
		if err != nil {
			bad = append(bad, fmt.Errorf("failed: %q is neither true nor false", v))
		}
		f.Failed = b
	}
	return f, errors.Join(bad...)
}

func (s *Simulator) postFault(w http.ResponseWriter, r *http.Request) {
	var f gate.Fault
	if !read(w, r, &f) {
		return
	}
	id, err := s.Gate.AddFault(f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.ID = id
	s.answer(w, f)
}

func (s *Simulator) deleteFault(w http.ResponseWriter, r *http.Request) {
	if !s.Gate.RemoveFault(r.PathValue("id")) {
		http.Error(w, "there is no fault rule "+r.PathValue("id"), http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) getResolution(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("name")
	if name == "" {
		http.Error(w, "give the name to resolve: /_sim/resolve?name=…", http.StatusBadRequest)
		return
	}
	var from netip.Addr
	if text := r.FormValue("from"); text != "" {
		var err error
		if from, err = netip.ParseAddr(text); err != nil {
			http.Error(w, "from: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	addresses, err := s.ResolveFrom(name, from)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	s.answer(w, simclient.Resolution{Name: name, Addresses: addresses})
}

func (s *Simulator) getCA(w http.ResponseWriter, _ *http.Request) {
	pem, err := s.CA()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.answerText(w, "application/x-pem-file", string(pem))
}

func (s *Simulator) settings() simclient.Settings {
	_, stepped := s.Account.Clock.(*clock.Stepped)
	scale := 1.0
	if scaled, ok := s.Account.Clock.(*clock.Scaled); ok {
		scale = scaled.Scale()
	} else if stepped {
		scale = 0
	}
	return simclient.Settings{
		Now: s.Account.Clock.Now(), Stepped: stepped, Scale: scale, Profile: s.Account.Profile.Name,
		Latency:  s.Gate.Latency().String(),
		Throttle: s.Gate.Throttling(), DataPlane: s.Plane != nil, DNS: s.DNS(),
	}
}

func (s *Simulator) postSettings(w http.ResponseWriter, r *http.Request) {
	var change simclient.SettingsChange
	if !read(w, r, &change) {
		return
	}
	if err := s.change(change); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.answer(w, s.settings())
}

func (s *Simulator) change(change simclient.SettingsChange) error {
	latency, err := duration("latency", change.Latency)
	if err != nil {
		return err
	}
	advance, err := duration("advance", change.Advance)
	if err != nil {
		return err
	}
	advancing, ok := s.Account.Clock.(interface{ Advance(time.Duration) })
	if change.Advance != nil && !ok {
		return errors.New("advance: the simulator has the machine's clock")
	}
	scaled, ok := s.Account.Clock.(*clock.Scaled)
	if change.Scale != nil {
		switch {
		case !ok:
			return errors.New("scale: the simulator's clock is stepped, or the machine's")
		case !(*change.Scale >= 0 && *change.Scale <= maxScale): // nor is NaN
			return fmt.Errorf("scale: %v is not between 0 and %d", *change.Scale, maxScale)
		}
		scaled.SetScale(*change.Scale)
	}
	if change.Latency != nil {
		s.Gate.SetLatency(latency)
	}
	if change.Throttle != nil {
		s.Gate.SetThrottle(*change.Throttle)
	}
	if change.Advance != nil {
		advancing.Advance(advance)
	}
	return nil
}

func duration(field string, text *string) (time.Duration, error) {
	if text == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is not a duration such as 50ms", field, *text)
	}
	return d, nil
}

// read reads a JSON request; false: the answer is given.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdministration))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		http.Error(w, "read the request: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
