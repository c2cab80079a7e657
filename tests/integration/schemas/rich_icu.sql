-- What needs a server built with ICU and XML.
CREATE SCHEMA icu;
CREATE COLLATION icu.phone_book (provider = icu, locale = 'de-u-co-phonebk', deterministic = false);
CREATE TABLE icu.names (name text COLLATE icu.phone_book PRIMARY KEY);
CREATE VIEW icu.v_xml AS SELECT x.n FROM XMLTABLE('/a/b' PASSING ('<a><b>1</b></a>'::xml) COLUMNS n int PATH '.' DEFAULT -1) AS x WHERE n > 0;
