# SPDX-License-Identifier: Apache-2.0
#
# Building Debian's source packages with musl-gcc. $prefix: an absolute path, where
# headers and libraries are.

# As apt does it, with lists of its own.
fetch_lists() {
	local lists=$prefix/apt
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
	cat >"$lists/sources.list" <<-END
	deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $codename main
	deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security $codename-security main
	END
	cat >"$lists/apt.conf" <<-END
	Dir::Etc::sourcelist "$lists/sources.list";
	Dir::Etc::sourceparts "-";
	Dir::State::lists "$lists/lists";
	Dir::Cache "$lists/cache";
	APT::Sandbox::User "";
	END
	export APT_CONFIG=$lists/apt.conf
	[[ -s $lists/updated ]] || apt-get -qq update
	date >"$lists/updated"
}

# fetch NAME: to the current directory, unpacked. A mirror may lack the newest of
# the security suite.
fetch() {
	fetch_lists
	apt-get -qq --only-source source "$1" ||
		apt-get -qq --only-source source "$1/$codename"
}

# archive NAME OPTION... FILE...: compiles the files into PREFIX/lib/libNAME.a.
archive() {
	local name=$1
	shift
	musl-gcc -O2 -fPIC -c "$@"
	ar rcs "$prefix/lib/lib$name.a" ./*.o
}

# build NAME: unless it has been: fetches it, and calls the function of that name in
# its folder. What it says is in PREFIX/NAME.log.
build() {
	local done=$prefix/done/$1 log=$prefix/$1.log
	[[ ! -e $done ]] || return 0
	echo "  MUSL  $1"
	rm -rf "$prefix/source/$1"
	mkdir -p "$prefix/source/$1" "$prefix/done"
	set +e
	(set -e; cd "$prefix/source/$1"; fetch "$1"; cd ./*/; "$1") >"$log" 2>&1
	if [[ $? != 0 ]]; then
		tail -20 "$log" >&2
		exit 1
	fi
	set -e
	date >"$done"
}

export CC=musl-gcc
kernel_headers="-idirafter $prefix/include/kernel"
