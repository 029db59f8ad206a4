package authn

import (
	"errors"
	"net/http"
	"time"
)

// Request is what an action may read of a client's request.
type Request struct {
	Host   string // the Host header, with a port if it has one; "" when the client sent none
	URI    string // path and query as sent
	Header http.Header
	Signer string // ARN of the load balancer, which its sessions are bound to
}

// Verdict is what to do with a request: answer with Status if it is not 0, else go on with the next action.
type Verdict struct {
	Status     int
	Location   string   // of a redirect
	SetCookies []string // for the answer, of the load balancer or of a target
	Claims     *Claims  // for the target; nil: without a sign-in
	Reason     Reason   // why it was refused; for the access log
	Cause      error    // what led to the reason; for the simulator's log
	Counts     Counts
}

// Claims are the headers with which a target gets the identity of the client.
type Claims struct {
	AccessToken string // x-amzn-oidc-accesstoken
	Identity    string // x-amzn-oidc-identity
	Data        string // x-amzn-oidc-data
}

// Counts are the metrics that a request moves.
type Counts struct {
	Success, Failure, Error, RefreshSuccess, ClaimsSizeExceeded bool
	Latency                                                     time.Duration // of the provider; 0: it was not asked
}

// redirect sends the client elsewhere.
func redirect(location string, cookies []string) Verdict {
	return Verdict{Status: http.StatusFound, Location: location, SetCookies: cookies}
}

// refuse turns an error into the answer for it.
func refuse(err error) Verdict {
	var f *failure
	if !errors.As(err, &f) {
		f = failed(UnhandledException, err)
	}
	o := outcomes[f.reason]
	v := Verdict{Status: o.status, Reason: f.reason, Cause: f.cause}
	if f.status != 0 {
		v.Status = f.status
	}
	v.Counts = Counts{Failure: o.failure, Error: !o.failure, ClaimsSizeExceeded: f.reason == UserinfoResponseSizeExceeded}
	return v
}
