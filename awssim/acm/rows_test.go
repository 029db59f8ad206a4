package acm

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

func TestCertificatesAreListedByWhatTheyAreForAndInOrder(t *testing.T) {
	t.Parallel()
	s, c := newService(t)
	c.Advance(time.Hour)
	certificate, key := selfSigned(t, elliptic.P256(), nil) // for signatures and key agreement, of servers and clients
	if _, err := s.ImportCertificate(ctx, &acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key}); err !=
		nil {
		t.Fatal(err)
	}
	const imported, issued = "self.example.org", "shop.example.com" // those with elliptic keys
	elliptic := types.Filters{KeyTypes: []types.KeyAlgorithm{types.KeyAlgorithmEcPrime256v1}}
	for name, tt := range map[string]struct {
		change func(*acm.ListCertificatesInput)
		want   []string // in any order, unless it is asked for
		code   string
	}{
		"any key usage": {func(in *acm.ListCertificatesInput) { in.Includes.KeyUsage = []types.KeyUsageName{"ANY"} },
			[]string{imported, issued}, ""},
		"key usage": {func(in *acm.ListCertificatesInput) {
			in.Includes.KeyUsage = []types.KeyUsageName{"KEY_AGREEMENT"}
		}, []string{imported}, ""},
		"one of several key usages": {func(in *acm.ListCertificatesInput) {
			in.Includes.KeyUsage = []types.KeyUsageName{"CRL_SIGNING", "KEY_ENCIPHERMENT"}
		}, []string{issued}, ""},
		"extended key usage": {func(in *acm.ListCertificatesInput) {
			in.Includes.ExtendedKeyUsage = []types.ExtendedKeyUsageName{"TLS_WEB_CLIENT_AUTHENTICATION"}
		}, []string{imported}, ""},
		"extended key usage that none has": {func(in *acm.ListCertificatesInput) {
			in.Includes.ExtendedKeyUsage = []types.ExtendedKeyUsageName{"CODE_SIGNING"}
		}, nil, ""},
		"exportable":        {func(in *acm.ListCertificatesInput) { in.Includes.ExportOption = "ENABLED" }, nil, ""},
		"managed by others": {func(in *acm.ListCertificatesInput) { in.Includes.ManagedBy = "CLOUDFRONT" }, nil, ""},
		"oldest first": {func(in *acm.ListCertificatesInput) { in.SortBy, in.SortOrder = "CREATED_AT", "ASCENDING" },
			[]string{issued, imported}, ""},
		"newest first": {func(in *acm.ListCertificatesInput) { in.SortBy, in.SortOrder = "CREATED_AT", "DESCENDING" },
			[]string{imported, issued}, ""},
		"order of what": {func(in *acm.ListCertificatesInput) { in.SortOrder = "ASCENDING" }, nil,
			"ValidationException"},
		"by what in no order": {func(in *acm.ListCertificatesInput) { in.SortBy = "CREATED_AT" }, nil, "ValidationException"},
		"unknown status": {func(in *acm.ListCertificatesInput) {
			in.CertificateStatuses = []types.CertificateStatus{"FRESH"}
		}, nil, "ValidationException"},
		"unknown key type": {func(in *acm.ListCertificatesInput) {
			in.Includes.KeyTypes = []types.KeyAlgorithm{"RSA_512"}
		}, nil, "ValidationException"},
		"no certificates": {func(in *acm.ListCertificatesInput) { in.MaxItems = aws.Int32(0) }, nil,
			"ValidationException"},
		"unknown key usage": {func(in *acm.ListCertificatesInput) { in.Includes.KeyUsage = []types.KeyUsageName{"FUN"} },
			nil, "ValidationException"},
		"unknown extended key usage": {func(in *acm.ListCertificatesInput) {
			in.Includes.ExtendedKeyUsage = []types.ExtendedKeyUsageName{"FUN"}
		}, nil, "ValidationException"},
		"unknown export option": {func(in *acm.ListCertificatesInput) { in.Includes.ExportOption = "MAYBE" }, nil,
			"ValidationException"},
		"unknown manager": {func(in *acm.ListCertificatesInput) { in.Includes.ManagedBy = "NOBODY" }, nil,
			"ValidationException"},
		"by an unknown thing": {func(in *acm.ListCertificatesInput) { in.SortBy, in.SortOrder = "NAME", "ASCENDING" }, nil,
			"ValidationException"},
		"in an unknown order": {func(in *acm.ListCertificatesInput) { in.SortBy, in.SortOrder = "CREATED_AT", "RANDOM" },
			nil, "ValidationException"},
	} {
		includes := elliptic
		in := &acm.ListCertificatesInput{Includes: &includes}
		tt.change(in)
		out, err := s.ListCertificates(ctx, in)
		t.Run(name, func(t *testing.T) {
			wantCode(t, err, tt.code)
			if err != nil {
				return
			}
			var got []string
			for _, c := range out.CertificateSummaryList {
				got = append(got, *c.DomainName)
				if eligible := c.RenewalEligibility == types.RenewalEligibilityEligible; eligible != (*c.DomainName == issued) {
					t.Errorf("%s is %s for renewal", *c.DomainName, c.RenewalEligibility)
				}
			}
			if in.SortBy == "" {
				slices.Sort(got)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("listed %v, want %v", got, tt.want)
			}
		})
	}
}

func TestWhatCannotBeImportedIsRefusedForItsReason(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	certificate, key := selfSigned(t, elliptic.P256(), nil)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(8), Subject: pkix.Name{CommonName: "odd"},
		NotBefore: time.Unix(1_600_000_000, 0), NotAfter: time.Unix(1_900_000_000, 0)}
	odd, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	oddKey, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		in   acm.ImportCertificateInput
		want string // in the message
	}{
		"no certificate": {acm.ImportCertificateInput{PrivateKey: key}, "'certificate'"},
		"no key":         {acm.ImportCertificateInput{Certificate: certificate}, "'privateKey'"},
		"a key of more than 5 KB": {acm.ImportCertificateInput{Certificate: certificate,
			PrivateKey: append(slices.Clone(key), make([]byte, maxKey)...)}, "'privateKey'"},
		"a chain that is no PEM": {acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key,
			CertificateChain: []byte("chain")}, "not in PEM"},
		"a key as chain": {acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key,
			CertificateChain: key}, "not in PEM"},
		"a chain with itself": {acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key,
			CertificateChain: certificate}, "includes the certificate"},
		"a key of odd algorithm": {
			acm.ImportCertificateInput{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: odd}),
				PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: oddKey})}, "algorithm"},
		"in place of an issued one": {acm.ImportCertificateInput{Certificate: certificate, PrivateKey: key,
			CertificateArn: aws.String(ellipticARN)}, "was not imported"},
	} {
		_, err := s.ImportCertificate(ctx, &tt.in)
		t.Run(name, func(t *testing.T) {
			wantCode(t, err, "ValidationException")
			if err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a message with %q", err, tt.want)
			}
		})
	}
}
