package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// authorities is the module whose certificate authorities the container image has beside the controller. No program is
// linked from it.
const authorities = "golang.org/x/crypto/x509roots/fallback"

// mozillaLicence is the licence of Mozilla's list, from which the module is built.
//
//go:embed MPL-2.0.txt
var mozillaLicence string

const source = `The authorities of the container image (etc/ssl/certs/ca-certificates.crt) are those that Mozilla trusts for web servers. Their source is
certdata.txt of Network Security Services, which is under this licence, at
https://hg.mozilla.org/mozilla-central/raw-file/tip/security/nss/lib/ckfw/builtins/certdata.txt

`

// addAuthorities enters the notices of the image's certificate authorities: the licence of the module, and that of the
// list.
func addAuthorities(modules map[string][]string, licensed map[string]map[string]bool) error {
	out, err := exec.Command("go", "mod", "download", "-C", filepath.Join("hack", "tools", "image"), "-json",
		authorities).Output()
	if err != nil {
		return fmt.Errorf("go mod download %s: %w", authorities, err)
	}
	var m struct{ Path, Version, Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(m.Dir, "LICENSE"))
	if err != nil {
		return err
	}
	name := m.Path + " " + m.Version
	own := strings.TrimSpace(string(text))
	modules[own] = append(modules[own], name+" (LICENSE)")
	theirs := source + strings.TrimSpace(mozillaLicence)
	modules[theirs] = append(modules[theirs], name+" (certificate authorities)")
	licensed[name] = map[string]bool{kind(own): true, "MPL-2.0, for the certificate authorities of the image": true}
	return nil
}
