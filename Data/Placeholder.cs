namespace MiniDL.Data;
